// One operation, two calls: an order, and the payment for it. If the payment fails,
// the order is taken back, so that nothing half done is left behind.
export async function handle(request, ctx) {
  const { name, price } = request.json()
  const api = new URL(request.url)
  const call = (method, path, json) => {
    const headers = { 'X-Api-Key': request.headers.get('X-Api-Key') }
    return send({ method, url: new URL(path, api), headers, json })
  }

  const order = call('POST', '/api/orders', { name })
  if (!order.ok) return order
  const { id } = order.json()

  let payment
  try {
    payment = call('POST', `/api/orders/${encodeURIComponent(id)}/payment`, { amount: price })
  } catch (e) {
    payment = new Response({ status: 502, json: { message: e.message } })
  }
  if (payment.ok) {
    return new Response({ status: 201, json: { order: id, payment: payment.json().id } })
  }

  const undone = call('DELETE', `/api/orders/${encodeURIComponent(id)}`)
  console.warn(`the payment of order ${id} failed with status ${payment.status}; taking it back: ${undone.status}`)
  return new Response({ status: 409, json: { message: 'the payment was refused', paid: false, orderLeft: !undone.ok } })
}
