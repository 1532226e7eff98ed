// The API has a login of its own: client credentials for a token that lives for a
// while. The token is kept until a minute before its end.
export async function handle(request, ctx) {
  let token = ctx.state.get('token')
  if (token === undefined || token.until <= ctx.now().getTime()) {
    token = await login(request, ctx)
  }
  request.headers.delete('X-Api-Key')
  request.headers.set('Authorization', `Bearer ${token.value}`)
  const answer = await send(request)
  if (answer.status === 401) ctx.state.delete('token')
  return answer
}

async function login(request, ctx) {
  const p = ctx.connection.parameter
  const answer = await send({
    method: 'POST',
    url: new URL('/oauth/token', request.url),
    headers: { Authorization: 'Basic ' + base64.encode(`${p('client_id')}:${p('api_key')}`) },
    form: { grant_type: 'client_credentials', scope: 'items' },
  })
  if (!answer.ok) throw new Error(`the login was refused with status ${answer.status}`)
  const { access_token, expires_in } = answer.json()
  const token = { value: access_token, until: ctx.now().getTime() + (expires_in - 60) * 1000 }
  ctx.state.set('token', token)
  return token
}
