package usage_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

func TestCallsAreCountedByOutcome(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	recorder, err := usage.New(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	series := recorder.Series("default", "crm", "ListItems")
	for _, status := range []int{200, 204, 302, 404, 503, 0, 999, -1} {
		series.Record(t.Context(), usage.Sample{Status: status, Elapsed: 20 * time.Millisecond})
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	durations := uint64(0)
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				class, _ := p.Attributes.Value("status_class")
				operation, _ := p.Attributes.Value("operation")
				got[operation.AsString()+" "+class.AsString()] = p.Value
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				durations += p.Count
			}
		}
	}
	want := map[string]int64{"ListItems 2xx": 2, "ListItems 3xx": 1, "ListItems 4xx": 1, "ListItems 5xx": 1, "ListItems error": 3}
	if diff := cmp.Diff(want, got); diff != "" || durations != 8 {
		t.Errorf("%d durations, calls (-want +got):\n%s", durations, diff)
	}
}
