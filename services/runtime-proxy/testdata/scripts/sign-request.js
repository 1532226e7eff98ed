// Each request is signed: HMAC-SHA256 of method, path, sorted query, date and the
// digest of the body, under a key that the connection has in base64.
export function before(request, ctx) {
  const url = new URL(request.url)
  const date = dates.format(ctx.now(), 'rfc1123')
  const digest = crypto.hash('sha256', request.bytes(), 'base64')
  url.searchParams.sort()
  const canonical = [request.method, url.pathname, url.searchParams.toString(), date, digest].join('\n')
  const key = base64.decode(ctx.connection.parameter('signing_key'))
  request.url = url
  request.headers.delete('X-Api-Key')
  request.headers.set('X-Date', date)
  request.headers.set('X-Content-Sha256', digest)
  request.headers.set('Authorization', `HMAC-SHA256 Signature=${crypto.hmac('sha256', key, canonical, 'base64')}`)
}
