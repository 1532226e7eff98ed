// Serves descriptions with Prism, one after the other, in one process: to load the
// program takes longer than most descriptions. It does what "prism mock" does, with
// its settings, and with answers to requests that are not valid, too, whose header
// "sl-violations" names everything that is wrong.
//
//	node prism.js PROGRAM
//
// PROGRAM is the path of the command "prism". Each line of the input is the path of a
// description; for each one a line comes back, {"url": …} or {"error": …}.
'use strict';

const { realpathSync } = require('node:fs');
const { createRequire } = require('node:module');
const { createInterface } = require('node:readline');

const load = createRequire(realpathSync(process.argv[2]));
const { getHttpOperationsFromSpec } = load('@stoplight/prism-http');
const { createServer } = load('@stoplight/prism-http-server');
const { createLogger } = load('@stoplight/prism-core');
const { configureExtensionsUserProvided } = load('./extensions');

const write = process.stdout.write.bind(process.stdout);
console.log = console.warn = console.error; // the output is for answers alone

async function serve(file) {
  const operations = await getHttpOperationsFromSpec(file);
  await configureExtensionsUserProvided(file, { fillProperties: true });
  if (operations.length === 0) throw new Error('there are no operations');
  const server = createServer(operations, {
    cors: true,
    config: {
      isProxy: false, validateRequest: true, validateResponse: true, checkSecurity: true, errors: false,
      mock: { dynamic: false, ignoreExamples: false },
    },
    components: { logger: createLogger('judge', { level: 'silent' }) },
  });
  return { server, url: await server.listen(0, '127.0.0.1') };
}

(async () => {
  let last;
  for await (const file of createInterface({ input: process.stdin })) {
    if (last) last.server.close().catch(() => {}); // connections that are idle would hold it up
    last = undefined;
    try {
      last = await serve(file);
      write(JSON.stringify({ url: last.url }) + '\n');
    } catch (e) {
      write(JSON.stringify({ error: String(e && e.message || e) }) + '\n');
    }
  }
  process.exit(0);
})();
