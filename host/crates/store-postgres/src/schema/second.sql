-- The oldest version of the tables that a program has to know to work with this database.
ALTER TABLE version ADD COLUMN oldest bigint NOT NULL DEFAULT 1;

-- Of a worker's program. Null: the program is from before it said so.
ALTER TABLE workers ADD COLUMN version text;
