module github.com/ferrule-dev/ferrule/deploy/demo

go 1.26.0
