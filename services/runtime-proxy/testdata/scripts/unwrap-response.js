// The API wraps everything: {"status": "ok", "response": {"rows": [...]}}, and
// reports failures with status 200. What the operation answers is the rows, and a
// failure is one.
export function after(response) {
  if (!response.ok) return
  const { status, message, response: inner } = response.json()
  if (status !== 'ok') {
    response.status = 422
    response.setJson({ error: { message } })
    return
  }
  response.setJson({
    value: inner.rows.map(({ columns, ...row }) => ({
      ...row,
      ...Object.fromEntries(columns.map((c) => [c.name, c.value])),
    })),
  })
}
