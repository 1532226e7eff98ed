// A job that takes its time. The first call starts it, the next ones ask how it
// goes, and the one that finds it done answers with the result. Callers see 202 with
// Location and Retry-After until then.
export async function handle(request, ctx) {
  const key = 'job ' + crypto.hash('sha256', request.url).slice(0, 16)
  const job = ctx.state.get(key)
  const headers = { 'X-Api-Key': request.headers.get('X-Api-Key') }
  const answer = await send(job ? { url: job.url, headers } : { method: 'POST', url: request.url, headers })

  if (answer.status === 202) {
    const url = job?.url ?? String(new URL(answer.headers.get('Location'), request.url))
    const asked = (job?.asked ?? 0) + 1
    ctx.state.set(key, { url, asked })
    return new Response({
      status: 202,
      headers: { Location: url, 'Retry-After': answer.headers.get('Retry-After') ?? '5' },
      json: { status: 'running', asked },
    })
  }
  ctx.state.delete(key)
  return answer
}
