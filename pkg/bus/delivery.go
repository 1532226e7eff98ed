package bus

// DeliveryAddress says to which sink, of which subscription, a delivery goes. The
// subscription is its unique id: its name may be used again by another.
type DeliveryAddress struct{ Environment, Subscription, Sink string }

// Subject returns where deliveries with this address are queued.
func (a DeliveryAddress) Subject() string {
	return join("ferrule.delivery", a.Environment, a.Subscription, a.Sink)
}

// Filter returns a filter for queued deliveries: empty fields match everything.
func (a DeliveryAddress) Filter() string {
	return joinFilter("ferrule.delivery", a.Environment, a.Subscription, a.Sink)
}

// ParseDelivery undoes [DeliveryAddress.Subject].
func ParseDelivery(subject string) (DeliveryAddress, error) {
	return parseDelivery(subject, "ferrule.delivery")
}

// WorkSubject returns where it is said that there is something to do for the sink.
func (a DeliveryAddress) WorkSubject() string {
	return join("ferrule.sinkwork", a.Environment, a.Subscription, a.Sink)
}

// ParseSinkWork undoes [DeliveryAddress.WorkSubject].
func ParseSinkWork(subject string) (DeliveryAddress, error) {
	return parseDelivery(subject, "ferrule.sinkwork")
}

// Key returns the key of the sink in [BucketSinks].
func (a DeliveryAddress) Key() string { return Key(a.Environment, a.Subscription, a.Sink) }

// DeadLetterSubject returns where a delivery goes that failed for good.
func (a DeliveryAddress) DeadLetterSubject() string {
	return join("ferrule.deadletter", a.Environment, a.Subscription, a.Sink)
}

// DeadLetterFilter returns a filter for failed deliveries: empty fields match
// everything.
func (a DeliveryAddress) DeadLetterFilter() string {
	return joinFilter("ferrule.deadletter", a.Environment, a.Subscription, a.Sink)
}

// ParseDeadLetter undoes [DeliveryAddress.DeadLetterSubject].
func ParseDeadLetter(subject string) (DeliveryAddress, error) {
	return parseDelivery(subject, "ferrule.deadletter")
}

// AttemptSubject returns where attempts to deliver to sinks of the subscription are
// kept.
func (a DeliveryAddress) AttemptSubject() string {
	return join("ferrule.attempt", a.Environment, a.Subscription)
}

func parseDelivery(subject, prefix string) (DeliveryAddress, error) {
	v, err := split(subject, prefix, 3)
	if err != nil {
		return DeliveryAddress{}, err
	}
	return DeliveryAddress{Environment: v[0], Subscription: v[1], Sink: v[2]}, nil
}
