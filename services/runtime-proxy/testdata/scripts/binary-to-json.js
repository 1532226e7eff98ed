// The API answers with a file. Whoever reads JSON gets its name, its type and its
// content in base64.
export function after(response) {
  if (!response.ok) return
  const disposition = response.headers.get('Content-Disposition') ?? ''
  const [, name = 'download'] = /filename="?([^";]+)"?/.exec(disposition) ?? []
  const type = response.headers.get('Content-Type')
  const bytes = response.bytes()
  response.headers.delete('Content-Disposition')
  response.headers.delete('Content-Type')
  response.setJson({ name, contentType: type, size: bytes.length, content: base64.encode(bytes) })
}
