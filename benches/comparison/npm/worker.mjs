// connect-pg-simple under the workloads of the other stores. It reads one job a line and writes one result a line, in JSON.
// src/stores/npm.rs starts it. The session ids are those of src/measure/ids.rs, the data that of src/measure/payload.rs.

import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const session = require('express-session');
const pg = require('pg');
const PgStore = require('connect-pg-simple')(session);

const WARM_UP = 10;
const KEPT = 4096;
const DAY = 86_400_000;

function mix(x) {
    x ^= x >>> 16;
    x = Math.imul(x, 0x85ebca6b);
    x ^= x >>> 13;
    x = Math.imul(x, 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 0;
}

const idBytes = Buffer.alloc(32);
function idOf(index) {
    for (let word = 0; word < 8; word++) {
        idBytes.writeUInt32LE(mix((index + Math.imul(word, 0x9e3779b9)) | 0), word * 4);
    }
    return idBytes.toString('base64url');
}

const randomId = () => randomBytes(32).toString('base64url');

// mulberry32: numbers from 0 (inclusive) to 1.
function randomNumbers(seed) {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

// Rejection-inversion sampling (Hörmann and Derflinger 1996) of ranks from 1 to n with exponent 1.
function zipfRanks(n, random) {
    const h = (x) => Math.log(x);
    const low = h(1.5) - 1;
    const high = h(n + 0.5);
    return () => {
        for (;;) {
            const u = high + random() * (low - high);
            const x = Math.exp(u);
            const k = Math.min(n, Math.max(1, Math.round(x)));
            if (u >= h(k + 0.5) - 1 / k) return k;
        }
    };
}

// Latencies in nanoseconds, to three digits.
class Latencies {
    constructor() {
        this.counts = new Map();
        this.calls = 0;
    }

    record(nanoseconds) {
        const step = 10 ** Math.max(0, Math.floor(Math.log10(nanoseconds)) - 3);
        const rounded = Math.round(nanoseconds / step) * step;
        this.counts.set(rounded, (this.counts.get(rounded) ?? 0) + 1);
        this.calls++;
    }
}

const expires = () => new Date(Date.now() + DAY).toISOString();

// The cart's items, as payload.rs creates them.
function payloadOf(index, bytes) {
    const hex = (n) => n.toString(16).padStart(8, '0');
    const payload = {
        user: `user-${String(index).padStart(8, '0')}`,
        csrf: hex(mix(index)) + hex(mix(~index)) + hex(mix(index ^ 1)) + hex(mix(index ^ 2)),
        locale: 'en-GB',
        views: 1000,
        cart: [],
    };
    let length = JSON.stringify(payload).length;
    let number = index;
    for (;;) {
        number = mix((number + 0x9e3779b9) | 0);
        const item = {
            sku: hex(number),
            name: `article number ${String(number % 1_000_000).padStart(6, '0')}`,
            count: (number % 9) + 1,
        };
        const more = 31 + item.sku.length + item.name.length;
        if (length + more / 2 > bytes) break;
        length += more;
        payload.cart.push(item);
    }
    payload.cookie = { originalMaxAge: DAY, expires: expires(), httpOnly: true, path: '/' };
    return payload;
}

class Client {
    constructor(store, job, number, created) {
        this.store = store;
        this.job = job;
        this.number = number;
        this.random = randomNumbers(job.seed ^ mix(number));
        this.zipf = zipfRanks(job.sessions, this.random);
        this.payload = payloadOf(number, job.bytes);
        this.created = created;
        this.loggedIn = [];
        this.kept = [];
        this.calls = 0;
    }

    call(method, ...args) {
        return new Promise((resolve, reject) => {
            this.store[method](...args, (error, result) => (error ? reject(error) : resolve(result)));
        });
    }

    anySession() {
        return idOf(Math.floor(this.random() * this.job.sessions));
    }

    popularSession() {
        return idOf(Number((BigInt(this.zipf()) * 0x9e3779b1n) % BigInt(this.job.sessions)));
    }

    async load(id) {
        const data = await this.call('get', id);
        if (!data) throw new Error('there is no such live session');
        return data;
    }

    // express-session touches the store at the end of each request that did not change the session.
    async rolling(id) {
        const data = await this.load(id);
        data.cookie.expires = expires();
        await this.call('touch', id, data);
    }

    async set(id, data) {
        data.views++;
        data.cookie.expires = expires();
        await this.call('set', id, data);
    }

    async create() {
        const id = randomId();
        await this.call('set', id, this.payload);
        this.created.push(id);
    }

    async prepare() {
        if (this.job.workload === 'save') {
            const each = Math.floor(this.job.sessions / this.job.clients);
            for (let i = 0; i < Math.min(KEPT, each); i++) {
                const id = idOf(Math.floor(this.random() * each) * this.job.clients + this.number);
                this.kept.push([id, await this.load(id)]);
            }
        }
        for (let i = 0; i < WARM_UP; i++) await this.step();
    }

    // False when nothing is left to do.
    async step() {
        switch (this.job.workload) {
            case 'load':
                await this.load(this.anySession());
                break;
            case 'rolling':
                await this.rolling(this.anySession());
                break;
            case 'save': {
                const [id, data] = this.kept[this.calls % this.kept.length];
                await this.set(id, data);
                break;
            }
            case 'create':
                await this.create();
                break;
            case 'login': {
                // As express-session's regenerate, and the save that follows.
                const id = this.created.pop();
                if (!id) return false;
                const data = await this.load(id);
                await this.call('destroy', id);
                const fresh = randomId();
                await this.call('set', fresh, data);
                this.loggedIn.push(fresh);
                break;
            }
            case 'logout': {
                const id = this.created.pop();
                if (!id) return false;
                await this.call('destroy', id);
                break;
            }
            case 'mix': {
                const roll = Math.floor(this.random() * 100);
                if (roll < 90) {
                    await this.rolling(this.popularSession());
                } else if (roll < 98) {
                    const id = this.popularSession();
                    await this.set(id, await this.load(id));
                } else if (roll === 98 || this.created.length === 0) {
                    await this.create();
                } else {
                    await this.call('destroy', this.created.pop());
                }
                break;
            }
            default:
                throw new Error(`no workload is called ${this.job.workload}`);
        }
        this.calls++;
        return true;
    }

    async drive(latencies, deadline) {
        for (;;) {
            const start = process.hrtime.bigint();
            if (start >= deadline || !(await this.step())) return;
            latencies.record(Number(process.hrtime.bigint() - start));
        }
    }
}

let created = [];

async function run(job) {
    const pool = new pg.Pool({ max: job.clients });
    const store = new PgStore({ pool, pruneSessionInterval: false });
    try {
        const shares = Array.from({ length: job.clients }, (_, n) => created.filter((_, i) => i % job.clients === n));
        const clients = shares.map((share, n) => new Client(store, job, n, share));
        await Promise.all(clients.map((client) => client.prepare()));
        const latencies = new Latencies();
        const began = process.hrtime.bigint();
        const deadline = began + BigInt(Math.round(job.seconds * 1e9));
        await Promise.all(clients.map((client) => client.drive(latencies, deadline)));
        const seconds = Number(process.hrtime.bigint() - began) / 1e9;
        created = clients.flatMap((client) => [...client.created, ...client.loggedIn]);
        return {
            calls: latencies.calls,
            all_calls: clients.reduce((sum, client) => sum + client.calls, 0),
            seconds,
            latencies: [...latencies.counts],
        };
    } finally {
        await pool.end();
    }
}

for await (const line of createInterface({ input: process.stdin })) {
    let answer;
    try {
        answer = await run(JSON.parse(line));
    } catch (error) {
        answer = { error: String(error?.stack ?? error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}
