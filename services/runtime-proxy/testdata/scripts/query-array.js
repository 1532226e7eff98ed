// The operation takes a list in one parameter, "state=open,closed". The API wants
// it repeated.
export function before(request) {
  const url = new URL(request.url)
  for (const name of ['state', 'label']) {
    const list = url.searchParams.get(name)
    if (list === null) continue
    url.searchParams.delete(name)
    for (const item of list.split(',')) {
      if (item.trim() !== '') url.searchParams.append(name, item.trim())
    }
  }
  request.url = url
}
