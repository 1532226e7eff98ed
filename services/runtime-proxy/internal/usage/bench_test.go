package usage

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// BenchmarkRecord counts calls of known connections, by the hundred thousand in
// rotation. "metrics off" is what totals cost; the rest is the SDK's histogram.
func BenchmarkRecord(b *testing.B) {
	sdk := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())).Meter("test")
	for name, meter := range map[string]metric.Meter{"metrics off": metricnoop.Meter{}, "metrics on": sdk} {
		for _, connections := range []int{1, 10_000} {
			b.Run(fmt.Sprintf("%s, %d connections", name, connections), func(b *testing.B) {
				totals, err := NewTotals(TotalsConfig{Clock: clocktest.New(noon), Meter: metricnoop.Meter{}})
				if err != nil {
					b.Fatal(err)
				}
				recorder, err := NewWithTotals(meter, totals)
				if err != nil {
					b.Fatal(err)
				}
				series := recorder.Series("default", "crm", "ListItems")
				ids := make([]string, connections)
				for i := range ids {
					ids[i] = fmt.Sprint("crm-", i)
					series.Record(b.Context(), Sample{Connection: ids[i], Status: 200})
				}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					series.Record(b.Context(), Sample{Connection: ids[i], Status: 200, Elapsed: 20 * time.Millisecond, RequestBytes: 10, ResponseBytes: 1024})
					if i++; i == len(ids) {
						i = 0
					}
				}
			})
		}
	}
}

// BenchmarkQuery reads 90 days of 100 connections that were called every hour:
// 216,000 messages.
func BenchmarkQuery(b *testing.B) {
	nats := testkit.NewNATS(b)
	fill(b, nats, 90*24, 100)
	totals, err := NewTotals(TotalsConfig{Bus: nats, Clock: clocktest.New(noon), Log: testkit.Logger(b), Meter: metricnoop.Meter{}})
	if err != nil {
		b.Fatal(err)
	}
	end := noon.Truncate(24 * time.Hour).Add(24 * time.Hour)
	for name, query := range map[string]Query{
		"90 days, all":                 {Start: end.Add(-90 * 24 * time.Hour), Daily: true, Dimension: ByOperation},
		"90 days, one connection":      {Start: end.Add(-90 * 24 * time.Hour), Daily: true, Connection: "crm-7"},
		"one day by hours, connection": {Start: end.Add(-24 * time.Hour), Dimension: ByConnection},
	} {
		b.Run(name, func(b *testing.B) {
			query.Environment, query.End = "default", end
			for b.Loop() {
				if _, err := totals.Query(b.Context(), query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
