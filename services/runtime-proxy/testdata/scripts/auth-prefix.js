// The API wants "Authorization: Bearer KEY"; the connection has the bare key in a
// header of another name.
export function before(request) {
  const key = request.headers.get('X-Api-Key')
  request.headers.delete('X-Api-Key')
  request.headers.set('Authorization', `Bearer ${key}`)
}
