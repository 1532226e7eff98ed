// The operation takes a flat object, as makers of flows like it. The API wants it
// nested, with the names and values of fields apart.
export function before(request) {
  const { name, price, ...custom } = request.json()
  request.setJson({
    item: {
      title: name,
      cost: { amount: Math.round(price * 100), currency: 'EUR' },
      fields: Object.entries(custom).map(([field, value]) => ({ field, value: String(value) })),
    },
  })
}
