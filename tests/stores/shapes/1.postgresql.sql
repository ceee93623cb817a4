CREATE TABLE exam_sharing_accesses (
	id VARCHAR(40) COLLATE "C" NOT NULL,
	reader VARCHAR(255) COLLATE "C" NOT NULL,
	exam VARCHAR(255) COLLATE "C" NOT NULL,
	permission SMALLINT NOT NULL,
	purpose VARCHAR(64) COLLATE "C",
	origin VARCHAR(255) COLLATE "C",
	window_began TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	first_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	last_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	times BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE exam_sharing_batches (
	id VARCHAR(255) COLLATE "C" NOT NULL,
	uploader VARCHAR(255) COLLATE "C" NOT NULL,
	source TEXT,
	received_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	sealed BOOLEAN NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE exam_sharing_change_keys (
	key TEXT COLLATE "C" NOT NULL,
	at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	number BIGINT NOT NULL,
	PRIMARY KEY (key, at, number)
);
CREATE TABLE exam_sharing_changes (
	number BIGSERIAL NOT NULL,
	at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	kind VARCHAR(64) COLLATE "C" NOT NULL,
	document TEXT COLLATE "C" NOT NULL,
	salt BYTEA NOT NULL,
	leaf BYTEA NOT NULL,
	name TEXT COLLATE "C",
	principal TEXT COLLATE "C",
	active BOOLEAN,
	PRIMARY KEY (number)
);
CREATE TABLE exam_sharing_events (
	number BIGSERIAL NOT NULL,
	at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	kind VARCHAR(64) COLLATE "C" NOT NULL,
	event TEXT NOT NULL,
	salt BYTEA NOT NULL,
	leaf BYTEA NOT NULL,
	written BYTEA,
	PRIMARY KEY (number)
);
CREATE TABLE exam_sharing_exams (
	id VARCHAR(255) COLLATE "C" NOT NULL,
	owner VARCHAR(255) COLLATE "C" NOT NULL,
	batch VARCHAR(255) COLLATE "C" NOT NULL,
	uploaded_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	subject TEXT,
	PRIMARY KEY (id)
);
CREATE TABLE exam_sharing_grants (
	id VARCHAR(255) COLLATE "C" NOT NULL,
	exam VARCHAR(255) COLLATE "C" NOT NULL,
	grantor VARCHAR(255) COLLATE "C" NOT NULL,
	recipient VARCHAR(257) COLLATE "C" NOT NULL,
	permission SMALLINT NOT NULL,
	until TIMESTAMP WITHOUT TIME ZONE,
	version BIGINT NOT NULL,
	basis TEXT,
	share VARCHAR(255) COLLATE "C" NOT NULL,
	made_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	lines TEXT,
	uploaded_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	closed_version BIGINT,
	ended_how VARCHAR(32) COLLATE "C",
	ended_by VARCHAR(255) COLLATE "C",
	ended_as VARCHAR(32) COLLATE "C",
	ended_at TIMESTAMP WITHOUT TIME ZONE,
	replaced_by TEXT,
	PRIMARY KEY (id, exam)
);
CREATE TABLE exam_sharing_memberships (
	group_key TEXT COLLATE "C" NOT NULL,
	member_key TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (group_key, member_key)
);
CREATE TABLE exam_sharing_notices (
	number BIGSERIAL NOT NULL,
	id VARCHAR(255) COLLATE "C" NOT NULL,
	share VARCHAR(255) COLLATE "C" NOT NULL,
	reader VARCHAR(255) COLLATE "C" NOT NULL,
	actor VARCHAR(255) COLLATE "C" NOT NULL,
	exams TEXT NOT NULL,
	message TEXT,
	attempts INTEGER NOT NULL,
	due TIMESTAMP WITHOUT TIME ZONE,
	claimed_by VARCHAR(64) COLLATE "C",
	given_up_at TIMESTAMP WITHOUT TIME ZONE,
	problem TEXT,
	PRIMARY KEY (number),
	UNIQUE (id)
);
CREATE TABLE exam_sharing_past_members (
	group_key TEXT COLLATE "C" NOT NULL,
	member_key TEXT COLLATE "C" NOT NULL,
	began BIGINT NOT NULL,
	began_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	ended BIGINT,
	ended_at TIMESTAMP WITHOUT TIME ZONE,
	PRIMARY KEY (group_key, member_key, began)
);
CREATE TABLE exam_sharing_principals (
	key TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	email TEXT COLLATE "C",
	active BOOLEAN NOT NULL,
	sharing_in_plan BOOLEAN NOT NULL,
	notices BOOLEAN NOT NULL,
	name_start TEXT COLLATE "C",
	name_rest TEXT COLLATE "C" NOT NULL,
	address TEXT COLLATE "C",
	PRIMARY KEY (key)
);
CREATE TABLE exam_sharing_receipts (
	actor VARCHAR(255) COLLATE "C" NOT NULL,
	request_id VARCHAR(255) COLLATE "C" NOT NULL,
	fingerprint VARCHAR(80) COLLATE "C" NOT NULL,
	receipt TEXT NOT NULL,
	PRIMARY KEY (actor, request_id)
);
CREATE TABLE exam_sharing_removed (
	exam VARCHAR(255) COLLATE "C" NOT NULL,
	recipient VARCHAR(257) COLLATE "C" NOT NULL,
	PRIMARY KEY (exam, recipient)
);
CREATE TABLE exam_sharing_removed_principals (
	key TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (key)
);
CREATE TABLE exam_sharing_schema (
	number INTEGER NOT NULL,
	PRIMARY KEY (number)
);
CREATE TABLE exam_sharing_seals (
	number BIGINT NOT NULL,
	seal TEXT NOT NULL,
	entries BYTEA NOT NULL,
	PRIMARY KEY (number)
);
CREATE TABLE exam_sharing_search_keys (
	kind SMALLINT NOT NULL,
	start TEXT COLLATE "C" NOT NULL,
	name_start TEXT COLLATE "C" NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (kind, start, name_start, key)
);
CREATE TABLE exam_sharing_shares (
	id VARCHAR(255) COLLATE "C" NOT NULL,
	at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	actor VARCHAR(255) COLLATE "C" NOT NULL,
	performed_by VARCHAR(255) COLLATE "C",
	exam VARCHAR(255) COLLATE "C" NOT NULL,
	exams TEXT NOT NULL,
	recipients TEXT NOT NULL,
	permission SMALLINT NOT NULL,
	scope VARCHAR(32) COLLATE "C" NOT NULL,
	until TIMESTAMP WITHOUT TIME ZONE,
	attested_by VARCHAR(255) COLLATE "C" NOT NULL,
	attested_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	wording TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE exam_sharing_subjects (
	subject VARCHAR(257) COLLATE "C" NOT NULL,
	at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	number BIGINT NOT NULL,
	version BIGINT,
	owner_before VARCHAR(255) COLLATE "C",
	owner_after VARCHAR(255) COLLATE "C",
	PRIMARY KEY (subject, at, number)
);
CREATE TABLE exam_sharing_versions (
	exam VARCHAR(255) COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	withdrawn BOOLEAN NOT NULL,
	PRIMARY KEY (exam)
);
COMMENT ON COLUMN exam_sharing_accesses.origin IS 'of the first that was recorded';
COMMENT ON COLUMN exam_sharing_accesses.permission IS '1 view, 2 download';
COMMENT ON COLUMN exam_sharing_accesses.purpose IS 'a code of the host''s';
COMMENT ON COLUMN exam_sharing_changes.active IS 'null for one who was removed';
COMMENT ON COLUMN exam_sharing_changes.leaf IS 'SHA-256 of the content and the salt';
COMMENT ON COLUMN exam_sharing_events.leaf IS 'SHA-256 of the content and the salt';
COMMENT ON COLUMN exam_sharing_events.written IS 'SHA-256 of the rows that it names';
COMMENT ON COLUMN exam_sharing_grants.basis IS 'the grants that it rested on; null for the owner''s';
COMMENT ON COLUMN exam_sharing_grants.closed_version IS 'set when it ends or its exam is withdrawn';
COMMENT ON COLUMN exam_sharing_grants.ended_how IS 'null until it ends';
COMMENT ON COLUMN exam_sharing_grants.lines IS 'those it belongs to, where it replaced a grant';
COMMENT ON COLUMN exam_sharing_grants.permission IS '1 view, 2 download';
COMMENT ON COLUMN exam_sharing_grants.recipient IS 'u: a user, g: a group';
COMMENT ON COLUMN exam_sharing_grants.until IS 'null for good';
COMMENT ON COLUMN exam_sharing_grants.uploaded_at IS 'the exam''s: lists sort by it';
COMMENT ON COLUMN exam_sharing_notices.claimed_by IS 'the claim that holds it until it is due';
COMMENT ON COLUMN exam_sharing_notices.due IS 'when a relay may claim it; null once it is given up';
COMMENT ON COLUMN exam_sharing_notices.message IS 'erased when the notice is given up';
COMMENT ON COLUMN exam_sharing_notices.problem IS 'of the last failure: a code or the name of a type';
COMMENT ON COLUMN exam_sharing_past_members.ended IS 'null for a member of today';
COMMENT ON COLUMN exam_sharing_seals.entries IS 'numbers and leaves';
COMMENT ON COLUMN exam_sharing_seals.seal IS 'as it is exported';
COMMENT ON COLUMN exam_sharing_subjects.owner_before IS 'set where an exam changed hands';
COMMENT ON COLUMN exam_sharing_subjects.version IS 'of an exam, if the event made one';
CREATE INDEX ix_exam_sharing_accesses_by_reader ON exam_sharing_accesses (reader, first_at, id);
CREATE INDEX ix_exam_sharing_accesses_to_exam ON exam_sharing_accesses (exam, first_at, id);
CREATE INDEX ix_exam_sharing_changes_of ON exam_sharing_changes (principal, at, number);
CREATE INDEX ix_exam_sharing_exams_by_id ON exam_sharing_exams USING hash (id);
CREATE INDEX ix_exam_sharing_exams_of_batch ON exam_sharing_exams (batch);
CREATE INDEX ix_exam_sharing_exams_of_owner ON exam_sharing_exams (owner, uploaded_at, id);
CREATE INDEX ix_exam_sharing_grants_by_grantor ON exam_sharing_grants (grantor, exam);
CREATE INDEX ix_exam_sharing_grants_expiring ON exam_sharing_grants (until) WHERE closed_version IS NULL AND until IS NOT NULL;
CREATE INDEX ix_exam_sharing_grants_of_exam ON exam_sharing_grants (exam, recipient) WHERE closed_version IS NULL;
CREATE INDEX ix_exam_sharing_grants_past ON exam_sharing_grants (exam) WHERE closed_version IS NOT NULL;
CREATE INDEX ix_exam_sharing_grants_to_recipient ON exam_sharing_grants (recipient, uploaded_at, exam) WHERE closed_version IS NULL;
CREATE INDEX ix_exam_sharing_memberships_of ON exam_sharing_memberships (member_key, group_key);
CREATE INDEX ix_exam_sharing_notices_in_turn ON exam_sharing_notices (due, attempts, number);
CREATE INDEX ix_exam_sharing_notices_of_share ON exam_sharing_notices (share);
CREATE INDEX ix_exam_sharing_past_members_now ON exam_sharing_past_members (group_key) WHERE ended IS NULL;
CREATE INDEX ix_exam_sharing_past_members_of ON exam_sharing_past_members (member_key, group_key);
CREATE INDEX ix_exam_sharing_principals_by_name ON exam_sharing_principals (name_start, key);
CREATE INDEX ix_exam_sharing_search_keys_of ON exam_sharing_search_keys (key);
CREATE INDEX ix_exam_sharing_subjects_owner ON exam_sharing_subjects (subject) WHERE owner_before IS NOT NULL;
CREATE INDEX ix_exam_sharing_subjects_version ON exam_sharing_subjects (subject, version) WHERE version IS NOT NULL;
CREATE INDEX ix_exam_sharing_versions_withdrawn ON exam_sharing_versions (exam) WHERE withdrawn = true;
