// Every tenant has a host of its own, which the connection names.
export function before(request, ctx) {
  const url = new URL(request.url)
  url.host = ctx.connection.parameter('tenant_host')
  request.url = url
}
