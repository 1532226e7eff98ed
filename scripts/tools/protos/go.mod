// The modules whose .proto files our contract imports, pinned and summed.
// No Go code is built from this module and it is never tidied (the second
// requirement holds no Go package, so tidying would drop it).
module github.com/ferrule-dev/ferrule/scripts/tools/protos

go 1.26.0

require (
	github.com/bufbuild/protovalidate v1.2.2
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.31.0
)
