import express from './express.js';

export const { expressStore, SessionStoreError } = express;
