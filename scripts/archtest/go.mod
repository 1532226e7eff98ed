module github.com/ferrule-dev/ferrule/scripts/archtest

go 1.26.0
