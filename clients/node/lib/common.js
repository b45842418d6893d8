// What the stores of Express and of Koa share.
'use strict';

const { setTimeout } = require('node:timers/promises');
const { SessionStoreError } = require('./errors.js');
const { Functions } = require('./functions.js');
const { Pruner } = require('./pruner.js');

// A touch this soon after a load that slides would move the expiry by less than the store writes.
const JUST_LOADED_MS = 1000;
const SHORTEST_FOR_THAT_SECONDS = 60;

const UPDATE_ATTEMPTS = 50;
const LONGEST_PAUSE_MS = 64;

// An id that is in use is a mistake of the application's generator, or an attack.
const ID_ATTEMPTS = 3;

/** Checks the options that both stores have, and returns what a store works with. */
function open({ ttl, absoluteTimeout, conflicts = 'overwrite', pruneInterval, errorLog = console.error, ...connection }) {
  if (conflicts !== 'overwrite' && conflicts !== 'reject') {
    throw new SessionStoreError('CONNECT_PG_ARGUMENT', 'conflicts is unknown', "Pass 'overwrite' or 'reject'.");
  }
  const functions = new Functions({ ...connection, errorLog });
  return {
    functions,
    pruner: new Pruner(functions, pruneInterval, errorLog),
    errorLog,
    ttl,
    absoluteTimeout,
    rejectsConflicts: conflicts === 'reject',
  };
}

/** Returns true if a load or save of this request has just slid the expiry. */
function hasJustSlid(stored) {
  return (stored.seconds ?? SHORTEST_FOR_THAT_SECONDS) >= SHORTEST_FOR_THAT_SECONDS && performance.now() - stored.loadedAt < JUST_LOADED_MS;
}

/**
 * Loads, changes and saves until no other request comes in between. `change` gets what is stored and returns the text and the idle
 * timeout to save. Returns what it returned and the version, or null if the session has ended.
 */
async function updateStored(functions, key, slide, change) {
  for (let attempt = 1; attempt <= UPDATE_ATTEMPTS; attempt += 1) {
    const loaded = await functions.loadSession(key, slide);
    if (loaded === null) return null;
    const changed = await change(loaded);
    const { outcome, version } = await functions.saveSession(key, changed.text, loaded.version, changed.seconds);
    if (outcome === 'gone') return null;
    if (outcome !== 'conflict') return { ...changed, version };
    await setTimeout(Math.random() * Math.min(2 ** attempt, LONGEST_PAUSE_MS));
  }
  throw new SessionStoreError('CONNECT_PG_CONFLICT', 'other requests saved the session again and again', 'Try again later.');
}

const conflict = () => new SessionStoreError('CONNECT_PG_CONFLICT', 'another request changed the session', 'Use updateSession, which loads it again.');

const limitReached = () =>
  new SessionStoreError('CONNECT_PG_LIMIT', 'the user has the maximum number of sessions', 'End one of them: userSessions lists them.');

const idsInUse = () => new SessionStoreError('CONNECT_PG_ARGUMENT', 'new ids are in use', 'Let genid return random ids, or leave it out.');

module.exports = { ID_ATTEMPTS, conflict, hasJustSlid, idsInUse, limitReached, open, updateStored };
