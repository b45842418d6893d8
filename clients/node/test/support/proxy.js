'use strict';

const net = require('node:net');

/** A TCP proxy before the server, whose connections a test cuts, holds or refuses. */
class Proxy {
  static async start(t) {
    const proxy = new Proxy();
    proxy.server = net.createServer((socket) => proxy.#accept(socket));
    await proxy.open();
    t.after(() => proxy.close());
    return proxy;
  }

  sockets = new Set();
  held = false;
  port = 0;

  open() {
    return new Promise((resolve) =>
      this.server.listen(this.port, '127.0.0.1', () => {
        this.port = this.server.address().port;
        resolve();
      }),
    );
  }

  #accept(socket) {
    const upstream = net.connect(Number(process.env.PGPORT), process.env.PGHOST);
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ]) {
      this.sockets.add(from);
      from.on('data', (bytes) => {
        if (!this.held) to.write(bytes);
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }

  /** Ends every connection. New ones are accepted. */
  cut() {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Ends every connection and refuses new ones. */
  close() {
    this.cut();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

module.exports = { Proxy };
