'use strict';

const http = require('node:http');

/** Starts a server for a request listener and returns a function that makes browsers, and closes with the test. */
async function serve(t, listener) {
  const server = http.createServer(listener);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return (cookies) => new Browser(`http://127.0.0.1:${server.address().port}`, cookies);
}

/** Sends requests, and keeps and returns cookies. */
class Browser {
  constructor(base, cookies = new Map()) {
    this.base = base;
    this.cookies = new Map(cookies);
  }

  async get(path, headers = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(this.base + path, { headers: { ...headers, ...(cookie ? { cookie } : {}) }, redirect: 'manual' });
    const set = response.headers.getSetCookie();
    for (const line of set) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/expires=Thu, 01 Jan 1970/i.test(line) || value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await response.text();
    let body = text;
    try {
      body = JSON.parse(text);
    } catch {
      // a page of text
    }
    return { status: response.status, body, set };
  }

  /** Another browser with the cookies of this moment: a second tab, or an attacker with a copy. */
  copy() {
    return new Browser(this.base, this.cookies);
  }
}

module.exports = { serve };
