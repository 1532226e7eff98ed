package sandbox_test

import (
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

func TestHelpersOfTheLanguage(t *testing.T) {
	rows := []struct{ name, body, want string }{
		{"headers compare without case", `const h = new Headers({ 'X-A': 1 }); h.append('x-a', 2); return [h.get('X-a'), h.getAll('x-A'), h.has('x-b'), [...h]]`, `["1, 2",["1","2"],false,[["X-A","1"],["x-a","2"]]]`},
		{"setting a header replaces all of its name", `const h = new Headers([['A', 1], ['b', 2], ['a', 3]]); h.set('a', 4); h.delete('B'); return [...h]`, `[["A","4"]]`},
		{"headers take no line breaks", `try { new Headers({ a: 'x\r\nb: y' }) } catch (e) { return e.name }`, `"TypeError"`},
		{"a URL is taken apart", `const u = new URL('HTTPS://u:p@Api.Example:8443/a/./b/../c?x=1&y=a+b#f'); return [u.protocol, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.username, u.origin, u.searchParams.get('y')]`, `["https:","api.example:8443","api.example","8443","/a/c","?x=1&y=a+b","#f","u","https://api.example:8443","a b"]`},
		{"a usual port is left out", `return new URL('https://a.example:443/x').href`, `"https://a.example/x"`},
		{"a URL keeps how it was written", `return String(new URL('https://a.example/p%2Fq;v=1?filter=a%20b,c'))`, `"https://a.example/p%2Fq;v=1?filter=a%20b,c"`},
		{"a URL is resolved", `return ['/b?c', 'd/../e', '?q', '#h', '//o.example/'].map((r) => new URL(r, 'https://a.example/x/y?z').href)`, `["https://a.example/b?c","https://a.example/x/e","https://a.example/x/y?q","https://a.example/x/y?z#h","https://o.example/"]`},
		{"what is no URL throws", `return [URL.canParse('a/b'), URL.canParse('https://'), URL.canParse('https://a')]`, `[false,false,true]`},
		{"parameters change the URL", `const u = new URL('https://a.example/?a=1&b=2&a=3'); u.searchParams.set('a', 'x y&'); u.searchParams.append('é', '1'); u.searchParams.delete('b'); return u.href`, `"https://a.example/?a=x+y%26&%C3%A9=1"`},
		{"parameters of an object", `return new URLSearchParams({ a: 1, b: "it's" }).toString()`, `"a=1&b=it%27s"`},
		{"UTF-8", `return [Array.from(utf8.encode('aé€😀')), utf8.decode(new Uint8Array([226, 130, 172])), new TextDecoder().decode(new TextEncoder().encode('ü'))]`, `[[97,195,169,226,130,172,240,159,152,128],"€","ü"]`},
		{"base64", `return [base64.encode('aé'), base64.encode(new Uint8Array([251, 255])), base64.encodeUrl(new Uint8Array([251, 255])), Array.from(base64.decode('+/8=')), base64.decodeText('YcOp')]`, `["YcOp","+/8=","-_8",[251,255],"aé"]`},
		{"hex", `return [hex.encode('az'), Array.from(hex.decode('617a'))]`, `["617a",[97,122]]`},
		{"hashes", `return [crypto.hash('MD5', ''), crypto.hash('sha-256', 'abc', 'base64'), crypto.hmac('SHA1', 'key', 'The quick brown fox jumps over the lazy dog')]`, `["d41d8cd98f00b204e9800998ecf8427e","ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=","de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"]`},
		{"digests of bytes with keys of bytes", `return crypto.hmac('sha256', new Uint8Array([0, 255]), new Uint8Array([1, 2]), 'bytes').length`, `32`},
		{"an unknown algorithm", `try { crypto.hash('crc32', '') } catch (e) { return e.name }`, `"TypeError"`},
		{"a wrong argument", `try { crypto.hash('md5', 5) } catch (e) { return e.message }`, `"the data must be text or bytes (a Uint8Array)"`},
		{"dates are formatted", `const d = new Date(Date.UTC(2026, 2, 4, 5, 6, 7)); return ['iso', 'rfc1123', 'date', 'basic', 'unix'].map((s) => dates.format(d, s))`, `["2026-03-04T05:06:07Z","Wed, 04 Mar 2026 05:06:07 GMT","2026-03-04","20260304T050607Z","1772600767"]`},
		{"dates are read", `return ['2026-03-04T05:06:07Z', '2026-03-04T06:06:07+01:00', 'Wed, 04 Mar 2026 05:06:07 GMT', '20260304T050607Z', '2026-03-04', '20260304'].map((d) => dates.format(dates.parse(d)))`, `["2026-03-04T05:06:07Z","2026-03-04T05:06:07Z","2026-03-04T05:06:07Z","2026-03-04T05:06:07Z","2026-03-04T00:00:00Z","2026-03-04T00:00:00Z"]`},
		{"dates are read as they are written", `const d = new Date(Date.UTC(2026, 2, 4, 5, 6, 7)); return ['0', '-86400', dates.format(d, 'unix')].map((s) => dates.format(dates.parse(s)))`, `["1970-01-01T00:00:00Z","1969-12-31T00:00:00Z","2026-03-04T05:06:07Z"]`},
		{"days that do not exist", `return ['2026-02-30', '20260230', '2026-04-31T10:00:00Z', 'Mon, 30 Feb 2026 05:06:07 GMT', '2026-02-29', '2028-02-29', '28 Feb 2026'].map((s) => { try { dates.parse(s); return 'a date' } catch (e) { return e.name } })`, `["RangeError","RangeError","RangeError","RangeError","RangeError","a date","a date"]`},
		{"time is in UTC", `return new Date(0).getHours() + new Date().getTimezoneOffset()`, `0`},
		{"XML there and back", `const n = xml.parse('<a:b xmlns:a="u" k="&lt;&quot;"><c>1</c><c/>t<![CDATA[<&]]></a:b>'); return [n, xml.stringify(n)]`, `[{"name":"a:b","attributes":{"k":"<\"","xmlns:a":"u"},"children":[{"name":"c","attributes":{},"children":[],"text":"1"},{"name":"c","attributes":{},"children":[],"text":""}],"text":"t<&"},"<a:b k=\"&lt;&quot;\" xmlns:a=\"u\">t&lt;&amp;<c>1</c><c/></a:b>"]`},
		{"XML that is dangerous or broken", "return ['<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>', '<a>&b;</a>', '<a><b></a></b>', '<a/><b/>', '<a>', '', '<a>'.repeat(101) + '</a>'.repeat(101)].map((x) => { try { xml.parse(x); return 'parsed' } catch (e) { return e.name } })", `["SyntaxError","SyntaxError","SyntaxError","SyntaxError","SyntaxError","SyntaxError","SyntaxError"]`},
		{"a body is kept as it was set", `const r = new Request('https://a.example/', { method: 'post', body: 'é' }); const c = r.clone(); r.setBytes(new Uint8Array([1])); r.setForm({ a: 'b c' }); return [c.text(), Array.from(c.bytes()), r.text(), r.headers.get('Content-Type'), r.method]`, `["é",[195,169],"a=b+c","application/x-www-form-urlencoded","POST"]`},
		{"JSON keeps its own media type", `return new Response({ headers: { 'content-type': 'application/problem+json' }, json: {} }).headers.get('content-type')`, `"application/problem+json"`},
		{"a body that is no JSON says so", `try { new Response({ body: '<html>' }).json() } catch (e) { return [e.name, e.message.startsWith('the body is not JSON')] }`, `["SyntaxError",true]`},
		{"a body that was cleared", `const r = new Response({ json: 1 }); r.clearBody(); return [r.text(), r.headers.has('content-type')]`, `["",false]`},
		{"the surface cannot be bent by accident", `'use strict'; try { crypto.hash = null } catch (e) { return e.name }`, `"TypeError"`},
	}
	p := newPool(t, sandbox.Options{Size: 1})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := evaluate(t, p, nil, row.body)
			if err != nil || got != row.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, row.want)
			}
		})
	}
}
