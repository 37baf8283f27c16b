-- One statement a line.
CREATE TABLE registers (k text PRIMARY KEY, v text);
CREATE TABLE sets (k text, v text);
CREATE INDEX ON sets (k);
CREATE TABLE lists (k text PRIMARY KEY, v text[] NOT NULL);
CREATE TABLE counters (k text PRIMARY KEY, v bigint NOT NULL);
CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE queues (k text, id bigserial PRIMARY KEY, v text);
CREATE TABLE inserts (k text, id text, PRIMARY KEY (k, id));
CREATE SEQUENCE ids;
-- Nobody uses it, and its files would be copied and synchronised.
UPDATE pg_database SET datistemplate = false;
DROP DATABASE template0;
