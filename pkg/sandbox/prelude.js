// What custom code finds beside the language itself. README.md describes it for
// those who use it. Strings and numbers cross to the process through one function;
// bodies stay outside until a script asks for them, and are known by number.
(() => {
  'use strict';
  const bridge = globalThis.__ferrule;
  delete globalThis.__ferrule;

  // ---- bytes and text ----

  const bytesOf = (data, what) => {
    if (data instanceof Uint8Array) return data;
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    throw new TypeError(`${what} must be text or bytes (a Uint8Array)`);
  };
  // hand puts text or bytes where the process can send them, and names the place.
  const hand = (data, what) =>
    typeof data === 'string' ? bridge('put', data) : bridge('putBytes', bytesOf(data, what).toBase64());
  const fetchBytes = (id) => Uint8Array.fromBase64(bridge('bytes', id));
  const utf8 = {
    encode: (text) => Uint8Array.fromBase64(bridge('encodeText', String(text))),
    decode: (bytes) => bridge('decodeText', bytesOf(bytes, 'what is decoded').toBase64()),
  };
  class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(text = '') { return utf8.encode(text); }
  }
  class TextDecoder {
    constructor(label = 'utf-8') {
      if (!/^utf-?8$/i.test(label)) throw new RangeError(`the encoding ${label} is not known; use utf-8`);
    }
    get encoding() { return 'utf-8'; }
    decode(bytes = new Uint8Array(0)) { return utf8.decode(bytes); }
  }

  // ---- asking the host ----

  class HostError extends Error {
    get name() { return 'HostError'; }
  }
  const ask = (name, argument, first = 0, second = 0) => {
    const answer = JSON.parse(bridge('call', name, JSON.stringify(argument), first, second));
    if (answer.error !== undefined) throw new HostError(answer.error);
    return answer;
  };

  // ---- headers ----

  class Headers {
    #list = [];
    constructor(init = []) {
      const pairs = init instanceof Headers ? init.entries()
        : typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
      for (const [name, value] of pairs) this.append(name, value);
    }
    static #check(name, value) {
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name of a header`);
      if (/[\r\n\0]/.test(value)) throw new TypeError(`the value of header ${name} has a line break`);
    }
    append(name, value) {
      name = String(name); value = String(value);
      Headers.#check(name, value);
      this.#list.push([name, value]);
    }
    set(name, value) {
      name = String(name); value = String(value);
      Headers.#check(name, value);
      const at = this.#list.findIndex(([n]) => n.toLowerCase() === name.toLowerCase());
      if (at < 0) { this.#list.push([name, value]); return; }
      this.#list[at] = [this.#list[at][0], value];
      this.#list = this.#list.filter(([n], i) => i <= at || n.toLowerCase() !== name.toLowerCase());
    }
    get(name) {
      const values = this.getAll(name);
      return values.length ? values.join(', ') : null;
    }
    getAll(name) {
      name = String(name).toLowerCase();
      return this.#list.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v);
    }
    has(name) { return this.getAll(name).length > 0; }
    delete(name) {
      name = String(name).toLowerCase();
      this.#list = this.#list.filter(([n]) => n.toLowerCase() !== name);
    }
    entries() { return this.#list.map(([n, v]) => [n, v])[Symbol.iterator](); }
    keys() { return this.#list.map(([n]) => n)[Symbol.iterator](); }
    values() { return this.#list.map(([, v]) => v)[Symbol.iterator](); }
    forEach(f) { for (const [n, v] of this.#list) f(v, n, this); }
    [Symbol.iterator]() { return this.entries(); }
    toJSON() { return this.#list; }
  }

  // ---- URLs ----

  const formEncode = (text) => encodeURIComponent(text).replace(/%20/g, '+')
    .replace(/[!'()~]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
  const formDecode = (text) => {
    const plain = text.replace(/\+/g, ' ');
    try { return decodeURIComponent(plain); } catch { return plain; }
  };
  class URLSearchParams {
    #list = [];
    #changed = () => {};
    constructor(init = '', changed) {
      if (typeof init === 'string') this.#parse(init);
      else {
        const pairs = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
        for (const [n, v] of pairs) this.#list.push([String(n), String(v)]);
      }
      if (typeof changed === 'function') this.#changed = changed;
    }
    #parse(text) {
      for (const part of text.replace(/^\?/, '').split('&')) {
        if (part === '') continue;
        const at = part.indexOf('=');
        this.#list.push(at < 0 ? [formDecode(part), ''] : [formDecode(part.slice(0, at)), formDecode(part.slice(at + 1))]);
      }
    }
    get size() { return this.#list.length; }
    append(name, value) { this.#list.push([String(name), String(value)]); this.#changed(); }
    delete(name) { this.#list = this.#list.filter(([n]) => n !== String(name)); this.#changed(); }
    get(name) { return this.#list.find(([n]) => n === String(name))?.[1] ?? null; }
    getAll(name) { return this.#list.filter(([n]) => n === String(name)).map(([, v]) => v); }
    has(name) { return this.#list.some(([n]) => n === String(name)); }
    set(name, value) {
      const at = this.#list.findIndex(([n]) => n === String(name));
      if (at < 0) this.#list.push([String(name), String(value)]);
      else {
        this.#list[at] = [String(name), String(value)];
        this.#list = this.#list.filter(([n], i) => i <= at || n !== String(name));
      }
      this.#changed();
    }
    sort() { this.#list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); this.#changed(); }
    entries() { return this.#list.map(([n, v]) => [n, v])[Symbol.iterator](); }
    keys() { return this.#list.map(([n]) => n)[Symbol.iterator](); }
    values() { return this.#list.map(([, v]) => v)[Symbol.iterator](); }
    forEach(f) { for (const [n, v] of this.#list) f(v, n, this); }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#list.map(([n, v]) => formEncode(n) + '=' + formEncode(v)).join('&'); }
  }

  const withoutDots = (path) => {
    const out = [];
    const parts = path.split('/');
    parts.forEach((part, i) => {
      if (part === '..') { if (out.length > 1) out.pop(); if (i === parts.length - 1) out.push(''); }
      else if (part === '.') { if (i === parts.length - 1) out.push(''); }
      else out.push(part);
    });
    return out.join('/');
  };
  const absolute = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:([^/?#@:]*)(?::([^/?#@]*))?@)?(\[[^\]]*\]|[^/?#:@]*)(?::(\d*))?([^?#]*)(\?[^#]*)?(#.*)?$/s;
  class URL {
    #params;
    #search = '';
    constructor(text, base) {
      text = String(text).trim();
      if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(text) && base !== undefined) text = URL.#resolve(text, new URL(base));
      const m = absolute.exec(text);
      if (!m || m[4] === '') throw new TypeError(`${JSON.stringify(text)} is no absolute URL`);
      this.protocol = m[1].toLowerCase() + ':';
      this.username = m[2] ?? '';
      this.password = m[3] ?? '';
      this.hostname = m[4].toLowerCase();
      const usual = { 'http:': '80', 'https:': '443' }[this.protocol];
      this.port = m[5] === undefined || m[5] === usual ? '' : m[5];
      this.pathname = withoutDots(m[6] || '/').replace(/ /g, '%20');
      this.search = m[7] ?? '';
      this.hash = m[8] ?? '';
      Object.seal(this);
    }
    static #resolve(text, base) {
      if (text.startsWith('//')) return base.protocol + text;
      if (text.startsWith('/')) return base.origin + text;
      if (text.startsWith('?')) return base.origin + base.pathname + text;
      if (text === '' || text.startsWith('#')) return base.origin + base.pathname + base.search + text;
      return base.origin + base.pathname.replace(/[^/]*$/, '') + text;
    }
    static canParse(text, base) {
      try { new URL(text, base); return true; } catch { return false; }
    }
    get host() { return this.hostname + (this.port === '' ? '' : ':' + this.port); }
    set host(value) {
      const m = /^(\[[^\]]*\]|[^:/?#@]+)(?::(\d*))?$/.exec(String(value));
      if (!m) throw new TypeError(`${JSON.stringify(value)} is no host`);
      this.hostname = m[1].toLowerCase();
      this.port = m[2] ?? '';
    }
    get origin() { return `${this.protocol}//${this.host}`; }
    get search() { return this.#search; }
    set search(value) {
      value = String(value).replace(/ /g, '%20');
      this.#search = value === '' || value === '?' ? '' : value.startsWith('?') ? value : '?' + value;
      this.#params = undefined;
    }
    get searchParams() {
      if (!this.#params) {
        const params = new URLSearchParams(this.#search, () => {
          const text = params.toString();
          this.#search = text === '' ? '' : '?' + text;
        });
        this.#params = params;
      }
      return this.#params;
    }
    get href() {
      const user = this.username === '' && this.password === '' ? ''
        : this.username + (this.password === '' ? '' : ':' + this.password) + '@';
      const path = this.pathname.startsWith('/') ? this.pathname : '/' + this.pathname;
      return `${this.protocol}//${user}${this.host}${path}${this.#search}${this.hash}`;
    }
    toString() { return this.href; }
    toJSON() { return this.href; }
  }

  // ---- requests and responses ----

  class Message {
    #id = 0; // a body outside
    #data = null; // or text or bytes made here
    #text; // what #id was read as
    constructor(headers, id) {
      this.headers = new Headers(headers ?? []);
      if (typeof id === 'number') this.#id = id;
    }
    text() {
      if (this.#data !== null) return typeof this.#data === 'string' ? this.#data : utf8.decode(this.#data);
      return this.#id === 0 ? '' : (this.#text ??= bridge('text', this.#id));
    }
    json() {
      const text = this.text();
      try { return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text); } catch (e) {
        throw new SyntaxError(text === '' ? 'the body is empty, not JSON' : `the body is not JSON: ${e.message}`);
      }
    }
    bytes() {
      if (this.#data !== null) return typeof this.#data === 'string' ? utf8.encode(this.#data) : this.#data.slice();
      return this.#id === 0 ? new Uint8Array(0) : fetchBytes(this.#id);
    }
    #put(data, type, always) {
      this.#id = 0; this.#text = undefined; this.#data = data;
      this.headers.delete('content-length');
      if (always || !this.headers.has('content-type')) this.headers.set('content-type', type);
      return this;
    }
    setText(text, type) { return this.#put(String(text), type ?? 'text/plain; charset=utf-8', type !== undefined); }
    setBytes(bytes, type) {
      return this.#put(bytesOf(bytes, 'the body').slice(), type ?? 'application/octet-stream', type !== undefined);
    }
    setJson(value) {
      const text = JSON.stringify(value);
      if (text === undefined) throw new TypeError('the body cannot be written as JSON');
      const json = /[/+]json\b/i.test(this.headers.get('content-type') ?? '');
      return this.#put(text, 'application/json', !json);
    }
    setForm(fields) {
      return this.#put(new URLSearchParams(fields).toString(), 'application/x-www-form-urlencoded', true);
    }
    clearBody() {
      this.#id = 0; this.#data = null; this.#text = undefined;
      this.headers.delete('content-length'); this.headers.delete('content-type');
      return this;
    }
    _from(other) { this.#id = other.#id; this.#data = other.#data; this.#text = other.#text; return this; }
    _body() { return this.#data === null ? this.#id : hand(this.#data, 'the body'); }
    _init({ body, json, form }) {
      if (json !== undefined) this.setJson(json);
      else if (form !== undefined) this.setForm(form);
      else if (typeof body === 'string') this.setText(body);
      else if (body !== undefined && body !== null) this.setBytes(body);
    }
  }
  class Request extends Message {
    constructor(url, init = {}) {
      if (typeof url === 'object' && !(url instanceof URL) && url !== null) { init = url; url = init.url; }
      super(init.headers, init._id);
      this.method = String(init.method ?? 'GET').toUpperCase();
      this.url = String(url);
      this.operationId = init.operationId ?? '';
      if (init instanceof Request) this._from(init);
      else this._init(init);
      Object.seal(this);
    }
    clone() { return new Request(this); }
  }
  class Response extends Message {
    constructor(init = {}) {
      super(init.headers, init._id);
      this.status = init.status ?? 200;
      if (init instanceof Response) this._from(init);
      else this._init(init);
      Object.seal(this);
    }
    get ok() { return this.status >= 200 && this.status < 300; }
    clone() { return new Response(this); }
  }

  const requestMeta = (r) => {
    const url = String(r.url);
    if (!/^https?:\/\/[^/?#]/i.test(url)) throw new TypeError(`the request's url ${JSON.stringify(url)} is not absolute`);
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(r.method)) throw new TypeError('the request has no proper method');
    return { method: String(r.method).toUpperCase(), url, headers: headersOf(r), operationId: String(r.operationId ?? '') };
  };
  const responseMeta = (r) => {
    const status = Number(r.status);
    if (!Number.isInteger(status) || status < 100 || status > 599) {
      throw new TypeError(`the status ${JSON.stringify(r.status)} of the response is not a number from 100 to 599`);
    }
    return { status, headers: headersOf(r) };
  };
  // A script may have put a plain object in the place of the headers.
  const headersOf = (m) => (m.headers instanceof Headers ? m.headers : new Headers(m.headers));
  const asResponse = (value) => {
    if (value instanceof Response) return value;
    if (value !== null && typeof value === 'object' && !(value instanceof Request)
      && ('status' in value || 'json' in value || 'body' in value)) return new Response(value);
    return null;
  };
  const asRequest = (value) => {
    if (value instanceof Request) return value;
    if (value !== null && typeof value === 'object' && 'url' in value) return new Request(value);
    return null;
  };
  const send = (request, init) => {
    const r = typeof request === 'string' || request instanceof URL ? new Request(request, init) : asRequest(request);
    if (r === null) throw new TypeError('send() takes a request or a URL');
    const answer = ask('send', requestMeta(r), r._body());
    return new Response({ status: answer.value.status, headers: answer.value.headers, _id: answer.body });
  };

  // ---- helpers that the host computes, for they may be given handles ----

  // A digest is encoded by the host: of a secret, it is a handle, not bytes.
  const digest = (argument, key, data, encoding) => {
    if (!['hex', 'base64', 'base64url', 'bytes'].includes(encoding)) {
      throw new TypeError(`the encoding ${JSON.stringify(encoding)} is not hex, base64, base64url or bytes`);
    }
    if (encoding === 'bytes') return fetchBytes(ask('digest', argument, key, data).body);
    return ask('digest', { ...argument, encoding }, key, data).value;
  };
  const algorithmOf = (name) => {
    const plain = String(name).toLowerCase().replace(/[-_]/g, '');
    if (!/^(md5|sha1|sha256|sha384|sha512)$/.test(plain)) {
      throw new TypeError(`the algorithm ${JSON.stringify(name)} is not md5, sha1, sha256, sha384 or sha512`);
    }
    return plain;
  };
  const crypto = {
    hmac: (algorithm, key, data, encoding = 'hex') => {
      const argument = { algorithm: algorithmOf(algorithm), keyed: true };
      return digest(argument, hand(key, 'the key'), hand(data, 'the data'), encoding);
    },
    hash: (algorithm, data, encoding = 'hex') => {
      const argument = { algorithm: algorithmOf(algorithm), keyed: false };
      return digest(argument, 0, hand(data, 'the data'), encoding);
    },
    randomBytes: (n) => {
      if (!Number.isInteger(n) || n < 0 || n > 65536) throw new RangeError('randomBytes() takes a number from 0 to 65536');
      return Uint8Array.fromBase64(bridge('random', n));
    },
    randomUUID: () => {
      const b = crypto.randomBytes(16);
      b[6] = (b[6] & 0x0f) | 0x40; b[8] = (b[8] & 0x3f) | 0x80;
      const h = b.toHex();
      return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
    },
  };
  const encode = (encoding) => (data) => ask('encode', { encoding }, hand(data, 'what is encoded')).value;
  const decode = (encoding) => (text) => fetchBytes(ask('decode', { encoding, text: String(text) }).body);
  const decodeText = (encoding) => (text) => bridge('text', ask('decode', { encoding, text: String(text) }).body);
  const base64 = {
    encode: encode('base64'), decode: decode('base64'), decodeText: decodeText('base64'),
    encodeUrl: encode('base64url'), decodeUrl: decode('base64url'),
  };
  const hex = { encode: encode('hex'), decode: decode('hex') };

  // ---- dates ----

  const two = (n) => String(n).padStart(2, '0');
  const isoDate = (d) => d.toISOString().slice(0, 10);
  const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
  // The engine takes 30 February for 2 March, which nobody means.
  const dayExists = (text) => {
    const iso = /^[+-]?(\d{4,6})-(\d\d)-(\d\d)/.exec(text);
    const words = /\b(\d{1,2})[ -]([A-Za-z]{3})[a-z]*[ -](\d{4})\b/.exec(text);
    const [year, month, day] = iso ? [iso[1], iso[2] - 1, iso[3]] : words ? [words[3], months.indexOf(words[2].toLowerCase()), words[1]] : [2000, 0, 1];
    return Number(day) <= new Date(Date.UTC(Number(year), month + 1, 0)).getUTCDate();
  };
  const dates = {
    format: (date, style = 'iso') => {
      const d = date instanceof Date ? date : dates.parse(date);
      if (Number.isNaN(d.getTime())) throw new RangeError('the date is not valid');
      switch (style) {
        case 'iso': return d.toISOString().replace(/\.000Z$/, 'Z');
        case 'rfc1123': return d.toUTCString();
        case 'date': return isoDate(d);
        case 'basic': return `${isoDate(d).replace(/-/g, '')}T${two(d.getUTCHours())}${two(d.getUTCMinutes())}${two(d.getUTCSeconds())}Z`;
        case 'unix': return String(Math.floor(d.getTime() / 1000));
        default: throw new TypeError(`the style ${JSON.stringify(style)} is not iso, rfc1123, date, basic or unix`);
      }
    },
    parse: (text) => {
      if (typeof text === 'number') return new Date(text);
      text = String(text).trim();
      const basic = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)Z)?$/.exec(text);
      if (!basic && /^-?(\d{1,3}|\d{5,12})$/.test(text)) return new Date(Number(text) * 1000); // 'unix'; four digits are a year
      if (basic) text = `${basic[1]}-${basic[2]}-${basic[3]}T${basic[4] ?? '00'}:${basic[5] ?? '00'}:${basic[6] ?? '00'}Z`;
      const d = new Date(text);
      if (Number.isNaN(d.getTime()) || !dayExists(text)) throw new RangeError(`${JSON.stringify(text)} is not a date`);
      return d;
    },
  };

  // ---- XML ----

  const xmlText = (text) => String(text).replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
  const xmlName = (name) => {
    if (!/^[A-Za-z_][\w.-]*(:[A-Za-z_][\w.-]*)?$/.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name in XML`);
    return name;
  };
  const stringifyXML = (node, depth) => {
    if (depth > 100) throw new RangeError('the XML is nested deeper than 100 elements');
    const attributes = Object.entries(node.attributes ?? {})
      .map(([n, v]) => ` ${xmlName(n)}="${xmlText(v).replace(/"/g, '&quot;').replace(/[\t\r\n]/g, (c) => `&#${c.charCodeAt(0)};`)}"`).join('');
    const inside = xmlText(node.text ?? '') + (node.children ?? []).map((c) => stringifyXML(c, depth + 1)).join('');
    const name = xmlName(node.name);
    return inside === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${inside}</${name}>`;
  };
  const xml = {
    parse: (text) => {
      const answer = JSON.parse(bridge('parseXML', String(text)));
      if (answer.error) throw new SyntaxError(answer.error);
      return answer.root;
    },
    stringify: (node) => stringifyXML(node, 1),
  };

  // ---- console ----

  const shown = (value) => {
    if (typeof value === 'string') return value;
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    try { return JSON.stringify(value) ?? String(value); } catch { return Object.prototype.toString.call(value); }
  };
  const logger = (level) => (...values) => { bridge('log', level, values.map(shown).join(' ')); };
  const console = { debug: logger('debug'), info: logger('info'), log: logger('info'), warn: logger('warn'), error: logger('error') };

  // ---- calls ----

  const context = (input) => ({
    operationId: input.operationId,
    connection: {
      id: input.connectionId,
      parameter: (name) => ask('parameter', { name: String(name) }).value ?? undefined,
    },
    callbackUrl: (path = '') => ask('callbackUrl', { path: String(path) }).value,
    state: {
      get: (key) => ask('state.get', { key: String(key) }).value ?? undefined,
      set: (key, value) => {
        if (JSON.stringify(value) === undefined) throw new TypeError('the value cannot be written as JSON');
        ask('state.set', { key: String(key), value });
      },
      delete: (key) => { ask('state.delete', { key: String(key) }); },
    },
    log: console,
    now: () => new Date(),
  });
  const finish = (kind, message) => {
    const meta = kind === 'request' ? requestMeta(message) : responseMeta(message);
    bridge('done', kind, JSON.stringify(meta), message._body());
  };
  const fail = (e) => {
    const proper = e instanceof Error;
    bridge('fail', proper ? String(e.name) : '', proper ? String(e.message) : shown(e), proper ? String(e.stack ?? '') : '');
  };
  const outcome = {
    before: (value, request) => {
      if (value === undefined || value === null) return finish('request', request);
      const response = asResponse(value);
      if (response) return finish('response', response);
      const changed = asRequest(value);
      if (changed) return finish('request', changed);
      throw new TypeError('before() returned neither a request nor a response');
    },
    after: (value, request, response) => {
      const changed = value === undefined || value === null ? response : asResponse(value);
      if (!changed) throw new TypeError('after() returned no response');
      finish('response', changed);
    },
    handle: (value) => {
      const response = asResponse(value);
      if (!response) throw new TypeError('handle() returned no response');
      finish('response', response);
    },
  };

  const functions = { before: undefined, after: undefined, handle: undefined };
  const hidden = (name, value) => Object.defineProperty(globalThis, name, { value });
  hidden('__ferrule_program', (before, after, handle) => {
    Object.assign(functions, { before, after, handle });
    bridge('exports', (before ? 1 : 0) | (after ? 2 : 0) | (handle ? 4 : 0));
  });
  hidden('__ferrule_run', (name, text) => {
    try {
      const input = JSON.parse(text);
      const request = new Request({ ...input.request, body: undefined, _id: input.request.body });
      const response = input.response ? new Response({ ...input.response, body: undefined, _id: input.response.body }) : undefined;
      const ctx = freeze(context(input));
      const f = functions[name];
      const settle = (value) => { try { outcome[name](value, request, response); } catch (e) { fail(e); } };
      const value = name === 'after' ? f(response, ctx, request) : f(request, ctx);
      if (value !== null && typeof value === 'object' && typeof value.then === 'function') {
        Promise.resolve(value).then(settle, fail);
      } else settle(value);
    } catch (e) { fail(e); }
  });

  const freeze = (o) => {
    for (const v of Object.values(o)) if (v !== null && typeof v === 'object') freeze(v);
    return Object.freeze(o);
  };
  Object.defineProperty(Math, 'random', { value: () => bridge('fraction') });
  const names = { send, crypto, base64, hex, utf8, xml, dates, console, Headers, URL, URLSearchParams, Request, Response, HostError, TextEncoder, TextDecoder };
  for (const [name, value] of Object.entries(names)) {
    if (typeof value === 'function') { Object.freeze(value); if (value.prototype) Object.freeze(value.prototype); } else freeze(value);
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  Object.freeze(Message.prototype);
})();
