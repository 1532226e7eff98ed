package service

import (
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	suitehealth "github.com/ferrule-dev/ferrule/pkg/health"
)

// HealthServer answers gRPC health checks, for the whole process, with what the
// registry reports. It follows the registry for as long as the process lives.
func HealthServer(registry *suitehealth.Registry) *health.Server {
	server := health.NewServer()
	registry.Subscribe(func(report suitehealth.Report) {
		state := healthpb.HealthCheckResponse_NOT_SERVING
		if report.Ready {
			state = healthpb.HealthCheckResponse_SERVING
		}
		server.SetServingStatus("", state)
	})
	return server
}
