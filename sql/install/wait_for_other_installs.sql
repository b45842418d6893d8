-- One install at a time in a database. An install that waited here finds nothing to do.
perform pg_advisory_xact_lock(hashtextextended('connect-pg correct_web', 0));
