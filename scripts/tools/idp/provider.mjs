// An identity provider for tests: oidc-provider, a certified OpenID Connect and
// OAuth 2.0 server, on a free loopback port, with everything in memory. It prints
// one line of JSON, {"issuer": …}, when it is ready, and ends with its standard
// input.
//
// Besides the provider's own endpoints:
//
//   GET  /api/me            an API that wants an access token with the scope "api"
//   GET  /control/counts    how often the token endpoint was asked, by grant type and outcome
//   POST /control/expire    makes all access tokens invalid, refresh tokens stay
//   POST /control/revoke    makes all grants invalid
//   POST /control/slow?ms=  the next answer of the token endpoint takes that long
//   GET  /control/tokens   every code and token that was given, one per line
//   GET  /control/subject?who=  an access token of somebody, to be exchanged
//   POST /control/codes     makes all authorization codes invalid
//   POST /control/redirect?client=&uri=  registers one more redirect URL for a client
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

// The store forgets nothing by itself and can be asked for everything of a kind.
const stored = new Map()
class Memory {
  constructor (name) { this.name = name }
  key (id) { return `${this.name}:${id}` }
  async upsert (id, payload) { stored.set(this.key(id), payload) }
  async find (id) { return stored.get(this.key(id)) }
  async findByUid (uid) { return this.first('uid', uid) }
  async findByUserCode (code) { return this.first('userCode', code) }
  first (field, value) {
    for (const [key, payload] of stored) if (key.startsWith(this.name + ':') && payload[field] === value) return payload
  }
  async consume (id) { stored.get(this.key(id)).consumed = Math.floor(Date.now() / 1000) }
  async destroy (id) { stored.delete(this.key(id)) }
  async revokeByGrantId (grantId) {
    for (const [key, payload] of stored) if (payload.grantId === grantId) stored.delete(key)
  }
}
const forget = (...kinds) => {
  for (const key of stored.keys()) if (kinds.some((kind) => key.startsWith(kind + ':'))) stored.delete(key)
}

const settings = JSON.parse(process.argv[2] ?? '{}')
const server = createServer()
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  adapter: Memory,
  clients: settings.clients ?? [],
  cookies: { keys: ['not a secret: everything here is for one test'] },
  scopes: ['openid', 'offline_access', 'profile', 'email', 'api'],
  claims: { openid: ['sub', 'preferred_username'], profile: ['name'], email: ['email'] },
  conformIdTokenClaims: false,
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: `${id}@example.com`, name: id }) }),
  pkce: { required: () => settings.pkceRequired ?? true },
  rotateRefreshToken: settings.rotate ?? true,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'],
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    registration: { enabled: true, initialAccessToken: false },
    userinfo: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => ({ scope: 'api', audience: resource, accessTokenFormat: 'opaque' })
    }
  },
  ttl: {
    AccessToken: settings.accessTokenSeconds ?? 3600,
    ClientCredentials: settings.accessTokenSeconds ?? 3600,
    AuthorizationCode: settings.codeSeconds ?? 60,
    DeviceCode: 600, Grant: 3600, IdToken: 3600, Interaction: 3600, RefreshToken: 3600, Session: 3600
  }
})

// Token exchange (RFC 8693): whoever brings somebody's token gets one in his name.
provider.registerGrantType('urn:ietf:params:oauth:grant-type:token-exchange', async (ctx) => {
  const { subject_token: subject, subject_token_type: kind, scope } = ctx.oidc.params
  const found = kind === 'urn:ietf:params:oauth:token-type:access_token' && await provider.AccessToken.find(subject)
  if (!found) {
    ctx.status = 400
    ctx.body = { error: 'invalid_grant', error_description: 'the subject token is not valid' }
    return
  }
  const token = new provider.AccessToken({ accountId: found.accountId, client: ctx.oidc.client, grantId: found.grantId, gty: 'token_exchange', scope: scope ?? 'api' })
  ctx.body = {
    access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration, scope: scope ?? 'api',
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token'
  }
}, ['subject_token', 'subject_token_type', 'scope', 'audience', 'resource'])

async function subject (who) {
  const client = await provider.Client.find('ferrule')
  const token = new provider.AccessToken({ accountId: who, client, grantId: `grant-of-${who}`, gty: 'test', scope: 'api' })
  return token.save()
}

async function redirect (id, uri) {
  const client = await provider.Client.find(id)
  client.redirectUris = [...client.redirectUris, uri]
  return client.redirectUris
}

const counts = {}
const given = []
let slow = 0
provider.use(async (ctx, next) => {
  if (ctx.path === '/token' && slow > 0) {
    const wait = slow
    slow = 0
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
  await next()
  if (ctx.path === '/token') {
    const kind = `${ctx.oidc?.params?.grant_type ?? 'unknown'} ${ctx.body?.error ?? 'ok'}`
    counts[kind] = (counts[kind] ?? 0) + 1
    for (const name of ['access_token', 'refresh_token', 'id_token']) if (ctx.body?.[name]) given.push(ctx.body[name])
    if (ctx.oidc?.params?.code) given.push(ctx.oidc.params.code)
  }
})

async function me (request, response) {
  const [scheme, value] = (request.headers.authorization ?? '').split(' ')
  const token = scheme === 'Bearer' && (await provider.AccessToken.find(value) ?? await provider.ClientCredentials.find(value))
  if (!token) {
    response.writeHead(401, {
      'content-type': 'text/html',
      'www-authenticate': `Bearer error="invalid_token", resource_metadata="${issuer}/.well-known/oauth-protected-resource/api"`
    })
    return response.end('<h1>401</h1>')
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ account: token.accountId ?? null, client: token.clientId, scope: token.scope ?? '' }))
}

const handle = provider.callback()
server.on('request', (request, response) => {
  const url = new URL(request.url, issuer)
  const answer = (body) => { response.writeHead(200, { 'content-type': 'application/json' }); response.end(JSON.stringify(body)) }
  switch (url.pathname) {
    case '/api/me': return me(request, response)
    case '/.well-known/oauth-protected-resource/api': // RFC 9728
      return answer({ resource: `${issuer}/api`, authorization_servers: [issuer], scopes_supported: ['openid', 'offline_access', 'api'] })
    case '/control/subject': return subject(url.searchParams.get('who')).then((token) => answer({ token }))
    case '/control/redirect': return redirect(url.searchParams.get('client'), url.searchParams.get('uri')).then(answer)
    case '/control/counts': return answer(counts)
    case '/control/tokens': response.writeHead(200); return response.end(given.join('\n'))
    case '/control/expire': forget('AccessToken', 'ClientCredentials'); return answer({})
    case '/control/revoke': forget('AccessToken', 'RefreshToken', 'Grant'); return answer({})
    case '/control/codes': forget('AuthorizationCode'); return answer({})
    case '/control/slow': slow = Number(url.searchParams.get('ms')); return answer({})
  }
  handle(request, response)
})

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
console.log(JSON.stringify({ issuer }))
