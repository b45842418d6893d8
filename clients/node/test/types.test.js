// The declarations, by the compiler of TypeScript.
'use strict';

const { execFile } = require('node:child_process');
const path = require('node:path');
const { it } = require('node:test');
const { promisify } = require('node:util');

it('the declarations compile, and mean what the uses in test/types expect', async () => {
  const tsc = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin/tsc');
  try {
    await promisify(execFile)(process.execPath, [tsc, '--project', path.join(__dirname, 'types')]);
  } catch (error) {
    throw new Error(error.stdout || error.message);
  }
});
