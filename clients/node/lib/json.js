'use strict';

const { SessionStoreError } = require('./errors.js');

/** Returns the text of session data. `replacer` is that of JSON.stringify. */
function encode(data, replacer) {
  let text;
  try {
    text = JSON.stringify(data, replacer);
  } catch (cause) {
    throw new SessionStoreError('CONNECT_PG_DATA', 'session data cannot be written as JSON', 'Store values without cycles, and no bigint.', { cause });
  }
  if (text === undefined) {
    throw new SessionStoreError('CONNECT_PG_DATA', 'there is no session data to write', 'Pass an object.');
  }
  return text;
}

/** Returns the session data of a text. A parser's error would contain the text, so it is no cause of the error. */
function decode(text) {
  try {
    // A property of this name would become the prototype of the object that a framework copies it to.
    return /__proto__|\\u005f/i.test(text) ? JSON.parse(text, (name, value) => (name === '__proto__' ? undefined : value)) : JSON.parse(text);
  } catch {
    throw new SessionStoreError(
      'CONNECT_PG_DATA',
      'stored session data is no JSON',
      'Another program wrote it. End the session, or correct that program.',
    );
  }
}

module.exports = { encode, decode };
