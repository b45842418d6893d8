'use strict';

const crypto = require('node:crypto');
const { SessionStoreError } = require('./errors.js');

/** Returns a new session id: 256 random bits as 43 characters of base64url. */
function generateId() {
  return crypto.randomBytes(32).toString('base64url');
}

/** Returns true if this can be the id of a session. Half a surrogate pair has no UTF-8, so two such ids would have one key. */
function isId(id) {
  return typeof id === 'string' && id !== '' && !/\p{Surrogate}/u.test(id);
}

/** Returns the key of an id: all that the database sees of it. */
function keyOf(id) {
  if (!isId(id)) {
    throw new SessionStoreError('CONNECT_PG_ARGUMENT', 'this is no session id', 'Pass a text that is not empty, such as generateId() returns.');
  }
  return crypto.createHash('sha256').update(id, 'utf8').digest();
}

module.exports = { generateId, isId, keyOf };
