CREATE TABLE public.approvals (
    id text NOT NULL,
    host text NOT NULL,
    binding text NOT NULL,
    target text NOT NULL,
    remedy text NOT NULL,
    object text NOT NULL,
    parameters text NOT NULL,
    drift_keys text NOT NULL,
    risk text NOT NULL,
    describes text NOT NULL,
    state text NOT NULL,
    requested_at double precision NOT NULL,
    decided_at double precision,
    decided_by text,
    expires_at double precision,
    version bigint NOT NULL
);
CREATE TABLE public.baselines (
    host text NOT NULL,
    target text NOT NULL,
    state text NOT NULL,
    at double precision NOT NULL
);
CREATE TABLE public.episodes (
    id bigint NOT NULL,
    host text NOT NULL,
    target text NOT NULL,
    drift_key text NOT NULL,
    object_key text,
    drift text NOT NULL,
    evidence_key text NOT NULL,
    first_seen double precision NOT NULL,
    last_seen double precision NOT NULL,
    looks bigint NOT NULL,
    looks_since double precision NOT NULL,
    opened_at double precision,
    closed_at double precision,
    blind_since double precision,
    baseline boolean DEFAULT false NOT NULL,
    ignored_until double precision,
    ignore_reason text,
    version bigint NOT NULL
);
CREATE SEQUENCE public.episodes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.episodes_id_seq OWNED BY public.episodes.id;
CREATE TABLE public.fence (
    id integer NOT NULL,
    number bigint NOT NULL
);
CREATE TABLE public.holdings (
    id bigint NOT NULL,
    host text NOT NULL,
    target text NOT NULL,
    what text NOT NULL,
    object_key text NOT NULL,
    object text NOT NULL,
    undo text NOT NULL,
    parameters text NOT NULL,
    created_at double precision NOT NULL,
    expires_at double precision,
    released_at double precision
);
CREATE SEQUENCE public.holdings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.holdings_id_seq OWNED BY public.holdings.id;
CREATE TABLE public.ignore_evidence (
    ignore_id bigint NOT NULL,
    drift_key text NOT NULL,
    evidence_key text NOT NULL
);
CREATE TABLE public.ignores (
    id bigint NOT NULL,
    host text NOT NULL,
    pattern text NOT NULL,
    reason text NOT NULL,
    until double precision,
    ignored_by text NOT NULL,
    created_at double precision NOT NULL
);
CREATE SEQUENCE public.ignores_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.ignores_id_seq OWNED BY public.ignores.id;
CREATE TABLE public.leases (
    object text NOT NULL,
    holder text NOT NULL,
    number bigint NOT NULL,
    expires_at double precision NOT NULL,
    epoch text NOT NULL
);
CREATE TABLE public.memories (
    host text NOT NULL,
    target text NOT NULL,
    memory text NOT NULL,
    at double precision NOT NULL
);
CREATE TABLE public.object_remedies (
    object_key text NOT NULL,
    remedy text NOT NULL,
    last_at double precision NOT NULL
);
CREATE TABLE public.objects (
    object_key text NOT NULL,
    target text NOT NULL,
    object text NOT NULL,
    attempts bigint NOT NULL,
    unverified bigint NOT NULL,
    last_attempt_at double precision,
    last_verified_at double precision,
    not_before double precision
);
CREATE TABLE public.offsets (
    host text NOT NULL,
    source text NOT NULL,
    device text NOT NULL,
    inode text NOT NULL,
    "position" bigint NOT NULL,
    covered_from double precision NOT NULL,
    head text NOT NULL
);
CREATE TABLE public.repair_steps (
    repair_id bigint NOT NULL,
    number integer NOT NULL,
    step text NOT NULL,
    at double precision NOT NULL
);
CREATE TABLE public.repair_totals (
    host text NOT NULL,
    panel text NOT NULL,
    target text NOT NULL,
    remedy text NOT NULL,
    result text NOT NULL,
    repairs bigint NOT NULL
);
CREATE TABLE public.repairs (
    id bigint NOT NULL,
    host text NOT NULL,
    target text NOT NULL,
    object_key text NOT NULL,
    object text NOT NULL,
    remedy text NOT NULL,
    parameters text NOT NULL,
    facts text NOT NULL,
    risk text NOT NULL,
    state text NOT NULL,
    drift_keys text NOT NULL,
    requested_by text NOT NULL,
    intended_at double precision NOT NULL,
    acted_at double precision,
    outcome_at double precision,
    verdict_at double precision,
    outcome text,
    message text NOT NULL,
    fence bigint NOT NULL,
    version bigint NOT NULL
);
CREATE SEQUENCE public.repairs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.repairs_id_seq OWNED BY public.repairs.id;
CREATE TABLE public.tallies (
    host text NOT NULL,
    family text NOT NULL,
    key text NOT NULL,
    count double precision NOT NULL
);
CREATE TABLE public.tally_marks (
    host text NOT NULL,
    family text NOT NULL,
    mark text NOT NULL
);
CREATE TABLE public.verifications (
    host text NOT NULL,
    key text NOT NULL,
    result text NOT NULL
);
CREATE TABLE public.watchdog_schema (
    version_num character varying(32) NOT NULL
);
ALTER TABLE ONLY public.episodes ALTER COLUMN id SET DEFAULT nextval('public.episodes_id_seq'::regclass);
ALTER TABLE ONLY public.holdings ALTER COLUMN id SET DEFAULT nextval('public.holdings_id_seq'::regclass);
ALTER TABLE ONLY public.ignores ALTER COLUMN id SET DEFAULT nextval('public.ignores_id_seq'::regclass);
ALTER TABLE ONLY public.repairs ALTER COLUMN id SET DEFAULT nextval('public.repairs_id_seq'::regclass);
INSERT INTO public.approvals VALUES ('ch772', 'test-host', '9c8bd95f0b3449960a9a', 'nas', 'run', '["duplicati","nas","backup","2"]', '{"backup":"2"}', '["duplicati/nas/backup_run_cut/backup/2"]', 'destructive', '["POST /api/v1/backup/2/run"]', 'rejected', 1717236500, 1717236600, 'ada', NULL, 1);
INSERT INTO public.approvals VALUES ('fdq2g', 'test-host', '80ce4907f6b212039bb2', 'nas', 'abort_task', '["duplicati","nas","task","7"]', '{"task":"7"}', '[]', 'destructive', '["POST /api/v1/task/7/abort"]', 'waiting', 1717236700, NULL, NULL, NULL, 0);
INSERT INTO public.baselines VALUES ('test-host', 'nas', 'repair', 1717236000);
INSERT INTO public.episodes VALUES (3, 'test-host', 'nas', 'duplicati/nas/clock_skew/server/nas', NULL, '{"belief":"none","evidence":{"seconds":420.0},"hold":null,"kind":"clock_skew","panel":"duplicati","proposal":null,"subject":["server","nas","nas"],"target":"nas","truth":"7 minutes"}', '05f45b44999ee833cf28', 1717236000, 1717236000, 1, 1717236000, NULL, 1717236015, NULL, true, NULL, NULL, 1);
INSERT INTO public.episodes VALUES (1, 'test-host', 'nas', 'duplicati/nas/backup_overdue/backup/1', 'duplicati/nas/backup/1', '{"belief":"its slot has passed","evidence":{"due":1717228800.0,"proposed":1717228800.0},"hold":null,"kind":"backup_overdue","panel":"duplicati","proposal":["run",["duplicati","nas","backup","1"],{"backup":"1"},{"size":1048576}],"subject":["backup","1","letters"],"target":"nas","truth":"it neither runs nor waits"}', 'b2d87dd024789789feb2', 1717236000, 1717236015, 2, 1717236000, 1717236030, 1717236095, NULL, true, NULL, NULL, 3);
INSERT INTO public.episodes VALUES (4, 'test-host', 'nas', 'duplicati/nas/backup_overdue/backup/1', 'duplicati/nas/backup/1', '{"belief":"its slot has passed","evidence":{"due":1717228800.0,"proposed":1717228800.0},"hold":null,"kind":"backup_overdue","panel":"duplicati","proposal":["run",["duplicati","nas","backup","1"],{"backup":"1"},{"size":1048576}],"subject":["backup","1","letters"],"target":"nas","truth":"it neither runs nor waits"}', 'b2d87dd024789789feb2', 1717322400, 1717322400, 1, 1717322400, 1717322430, NULL, NULL, false, NULL, NULL, 1);
INSERT INTO public.episodes VALUES (2, 'test-host', 'nas', 'duplicati/nas/backup_run_cut/backup/2', NULL, '{"belief":"ran","evidence":{"phase":"Backup_ProcessingFiles"},"hold":null,"kind":"backup_run_cut","panel":"duplicati","proposal":null,"subject":["backup","2","Fotos \u2603 \u201ealt\u201c"],"target":"nas","truth":"cut"}', '9277ea2fbfbdc7890a7b', 1717236000, 1717322400, 4, 1717236000, 1717236030, NULL, NULL, true, 1717236900, 'moved', 5);
INSERT INTO public.fence VALUES (1, 3);
INSERT INTO public.holdings VALUES (1, 'test-host', 'nas', 'schedule moved', 'duplicati/nas/backup/1', '["duplicati","nas","backup","1"]', 'restore_schedule', '{"time":1717239600.0}', 1717236900, NULL, NULL);
INSERT INTO public.holdings VALUES (2, 'test-host', 'nas', 'schedule moved', 'duplicati/nas/backup/2', '["duplicati","nas","backup","2"]', 'restore_schedule', '{"time":1717239600.0}', 1717236900, 1717326000, 1717236950);
INSERT INTO public.ignore_evidence VALUES (2, 'duplicati/nas/backup_run_cut/backup/2', '9277ea2fbfbdc7890a7b');
INSERT INTO public.ignores VALUES (1, 'test-host', 'duplicati/nas/clock_skew/*', 'the NAS is late, we know', NULL, 'ada', 1717236800);
INSERT INTO public.ignores VALUES (2, 'test-host', 'duplicati/nas/backup_run_cut/backup/2', 'moved', 1717236900, 'ada', 1717236800);
INSERT INTO public.leases VALUES ('duplicati/nas/backup/2', '', 2, 0, '');
INSERT INTO public.leases VALUES ('duplicati/nas/backup/1', 'p-2', 3, 1717322432, '');
INSERT INTO public.memories VALUES ('test-host', 'nas', '{"runs/1":1717236060.0}', 1717236095);
INSERT INTO public.object_remedies VALUES ('duplicati/nas/backup/2', 'run', 1717236100);
INSERT INTO public.object_remedies VALUES ('duplicati/nas/backup/1', 'run', 1717322431);
INSERT INTO public.objects VALUES ('duplicati/nas/backup/2', 'nas', '["duplicati","nas","backup","2"]', 1, 1, 1717236100, NULL, NULL);
INSERT INTO public.objects VALUES ('duplicati/nas/backup/1', 'nas', '["duplicati","nas","backup","1"]', 1, 0, 1717322431, 1717236095, NULL);
INSERT INTO public.offsets VALUES ('test-host', '/var/log/panel.log', '64768', '9223372036854775819', 4711, 1717149600, '9f86d081');
INSERT INTO public.repair_steps VALUES (1, 1, 'looked', 1717236031.6);
INSERT INTO public.repair_steps VALUES (1, 2, 'sent', 1717236031.9);
INSERT INTO public.repair_steps VALUES (3, 1, 'looked', 1717322431.3);
INSERT INTO public.repair_totals VALUES ('test-host', 'duplicati', 'nas', 'run', 'verified', 1);
INSERT INTO public.repair_totals VALUES ('test-host', 'duplicati', 'nas', 'run', 'unverified', 1);
INSERT INTO public.repairs VALUES (1, 'test-host', 'nas', 'duplicati/nas/backup/1', '["duplicati","nas","backup","1"]', 'run', '{"backup":"1"}', '{"size":1048576}', 'disruptive', 'verified', '["duplicati/nas/backup_overdue/backup/1"]', 'policy', 1717236031, 1717236031.5, 1717236032, 1717236095, '["done","answered 200",null,[]]', 'a fresh look agrees', 1, 3);
INSERT INTO public.repairs VALUES (2, 'test-host', 'nas', 'duplicati/nas/backup/2', '["duplicati","nas","backup","2"]', 'run', '{"backup":"2"}', '{}', 'disruptive', 'unverified', '["duplicati/nas/backup_run_cut/backup/2"]', 'ada', 1717236100, 1717236100.1, 1717236101, 1717236400, '["done","answered 200",null,[]]', 'still cut', 2, 3);
INSERT INTO public.repairs VALUES (3, 'test-host', 'nas', 'duplicati/nas/backup/1', '["duplicati","nas","backup","1"]', 'run', '{"backup":"1"}', '{"size":1048576}', 'disruptive', 'acting', '["duplicati/nas/backup_overdue/backup/1"]', 'policy', 1717322431, 1717322431.2, NULL, NULL, NULL, '', 3, 1);
INSERT INTO public.tallies VALUES ('test-host', 'watchdog_oom_kills_total', '["d\u00e4mon"]', 1);
INSERT INTO public.tallies VALUES ('test-host', 'watchdog_oom_kills_total', '["web-1"]', 3);
INSERT INTO public.tally_marks VALUES ('test-host', 'watchdog_oom_kills_total', '2024-06-01T10:00:00Z');
INSERT INTO public.verifications VALUES ('test-host', '/srv/backups/monday.zip', '{"verdict": "good", "level": 2}');
INSERT INTO public.watchdog_schema VALUES ('0001');
SELECT pg_catalog.setval('public.episodes_id_seq', 4, true);
SELECT pg_catalog.setval('public.holdings_id_seq', 2, true);
SELECT pg_catalog.setval('public.ignores_id_seq', 2, true);
SELECT pg_catalog.setval('public.repairs_id_seq', 3, true);
ALTER TABLE ONLY public.approvals
    ADD CONSTRAINT approvals_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.baselines
    ADD CONSTRAINT baselines_pkey PRIMARY KEY (host, target);
ALTER TABLE ONLY public.episodes
    ADD CONSTRAINT episodes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.fence
    ADD CONSTRAINT fence_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.holdings
    ADD CONSTRAINT holdings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.ignore_evidence
    ADD CONSTRAINT ignore_evidence_pkey PRIMARY KEY (ignore_id, drift_key);
ALTER TABLE ONLY public.ignores
    ADD CONSTRAINT ignores_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (object);
ALTER TABLE ONLY public.memories
    ADD CONSTRAINT memories_pkey PRIMARY KEY (host, target);
ALTER TABLE ONLY public.object_remedies
    ADD CONSTRAINT object_remedies_pkey PRIMARY KEY (object_key, remedy);
ALTER TABLE ONLY public.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (object_key);
ALTER TABLE ONLY public.offsets
    ADD CONSTRAINT offsets_pkey PRIMARY KEY (host, source);
ALTER TABLE ONLY public.repair_steps
    ADD CONSTRAINT repair_steps_pkey PRIMARY KEY (repair_id, number);
ALTER TABLE ONLY public.repair_totals
    ADD CONSTRAINT repair_totals_pkey PRIMARY KEY (host, panel, target, remedy, result);
ALTER TABLE ONLY public.repairs
    ADD CONSTRAINT repairs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tallies
    ADD CONSTRAINT tallies_pkey PRIMARY KEY (host, family, key);
ALTER TABLE ONLY public.tally_marks
    ADD CONSTRAINT tally_marks_pkey PRIMARY KEY (host, family);
ALTER TABLE ONLY public.verifications
    ADD CONSTRAINT verifications_pkey PRIMARY KEY (host, key);
ALTER TABLE ONLY public.watchdog_schema
    ADD CONSTRAINT watchdog_schema_pkc PRIMARY KEY (version_num);
CREATE INDEX closed_episodes ON public.episodes USING btree (host, closed_at);
CREATE INDEX objects_of_target ON public.objects USING btree (target);
CREATE UNIQUE INDEX one_live_holding ON public.holdings USING btree (host, target, object_key, what) WHERE (released_at IS NULL);
CREATE UNIQUE INDEX one_open_episode ON public.episodes USING btree (host, drift_key) WHERE (closed_at IS NULL);
CREATE UNIQUE INDEX one_repair_in_flight ON public.repairs USING btree (object_key) WHERE (state = ANY (ARRAY['intended'::text, 'acting'::text, 'settling'::text]));
CREATE UNIQUE INDEX one_standing_approval ON public.approvals USING btree (host, binding) WHERE (state = ANY (ARRAY['waiting'::text, 'approved'::text]));
CREATE INDEX open_episodes ON public.episodes USING btree (host, target) WHERE (closed_at IS NULL);
CREATE INDEX repairs_in_state ON public.repairs USING btree (host, state);
CREATE INDEX repairs_of_target ON public.repairs USING btree (target, intended_at);
ALTER TABLE ONLY public.ignore_evidence
    ADD CONSTRAINT ignore_evidence_ignore_id_fkey FOREIGN KEY (ignore_id) REFERENCES public.ignores(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.repair_steps
    ADD CONSTRAINT repair_steps_repair_id_fkey FOREIGN KEY (repair_id) REFERENCES public.repairs(id) ON DELETE CASCADE;
