-- What the guests of a worker use. Null: its program is from before it said so.
ALTER TABLE workers ADD COLUMN usage text;
