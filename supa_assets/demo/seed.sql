-- Rows for the demo project: made up, and the same on every machine and every day.
-- No clock, no random(): every value comes from a hash of what it stands for, so that two databases
-- made by this file are equal byte for byte.
-- Run it as a superuser, after tables.sql, in the same transaction. `SET demo.scale = '0.1'` before
-- it makes the three large tables smaller: sensor_readings (200,000 rows), event_logs (25,000),
-- alerts (12,000).

SET LOCAL search_path = '';
SET LOCAL TimeZone = 'UTC';
SET LOCAL synchronize_seqscans = off;

-- From 0 to choices - 1, always the same for the same text.
CREATE FUNCTION pg_temp.draw(what text, choices bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE
  AS 'SELECT (hashtextextended(what, 0) & 9223372036854775807) % choices';

-- A uuid that looks random (version 4), always the same for the same text.
CREATE FUNCTION pg_temp.id(what text) RETURNS uuid
  LANGUAGE sql IMMUTABLE
  AS 'SELECT overlay(overlay(md5(what) placing ''4'' from 13) placing ''a'' from 17)::uuid';

CREATE FUNCTION pg_temp.pick(what text, choices text[]) RETURNS text
  LANGUAGE sql IMMUTABLE
  AS 'SELECT choices[1 + pg_temp.draw(what, cardinality(choices))]';

-- Row numbers 0, 1, … for a large table.
CREATE FUNCTION pg_temp.scaled(row_count bigint) RETURNS SETOF bigint
  LANGUAGE sql STABLE
  AS $$
    SELECT generate_series(0, greatest(1, round(row_count
      * coalesce(nullif(current_setting('demo.scale', true), ''), '1')::numeric))::bigint - 1)
  $$;

-- A moment in October 2026, with microseconds.
CREATE FUNCTION pg_temp.moment(what text) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE
  AS $$
    SELECT timestamptz '2026-10-01 00:00:00+00'
      + pg_temp.draw(what, 2592000000000) * interval '1 microsecond'
  $$;

-- auth --------------------------------------------------------------------------------------------
-- 60 users. The passwords are no hashes of anything: shaped like bcrypt, made of noise.

INSERT INTO auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
  invited_at, confirmation_token, confirmation_sent_at, recovery_token, email_change_token_new,
  email_change, last_sign_in_at, raw_app_meta_data, raw_user_meta_data, is_super_admin, created_at,
  updated_at, phone, phone_confirmed_at, banned_until, is_sso_user, deleted_at, is_anonymous)
SELECT '00000000-0000-0000-0000-000000000000', pg_temp.id('user' || i), 'authenticated',
  'authenticated',
  CASE WHEN i < 58 THEN format('%s.%s%s@example.%s', lower(first_name), lower(last_name), i,
    pg_temp.pick('tld' || i, '{com,org,net}')) END,
  CASE WHEN i % 7 <> 6 AND i < 58 THEN '$2a$10$' || left(translate(encode(
    sha512(convert_to('password' || i, 'UTF8')), 'base64'), E'+=\n', './'), 53) END,
  CASE WHEN i % 11 <> 10 AND i < 58 THEN signed_up + interval '4 minutes 2.000001 seconds' END,
  CASE WHEN i % 5 = 0 THEN signed_up - interval '1 day' END,
  CASE WHEN i % 11 = 10 THEN md5('token' || i) ELSE '' END,
  CASE WHEN i % 11 = 10 THEN signed_up END,
  '', '', '',
  CASE WHEN i % 9 <> 8 THEN pg_temp.moment('sign in' || i) END,
  CASE WHEN i >= 58 THEN '{}'::jsonb WHEN i % 7 = 6
    THEN '{"provider": "google", "providers": ["google"]}'
    ELSE '{"provider": "email", "providers": ["email"]}' END,
  CASE WHEN i % 13 = 12 THEN NULL ELSE jsonb_build_object(
    'full_name', first_name || ' ' || last_name,
    'avatar', CASE WHEN i % 3 = 0 THEN '🧑‍🍳' END,
    'theme', pg_temp.pick('theme' || i, '{dark,light}'),
    'tour', jsonb_build_object('seen', i % 2 = 0, 'step', i % 5)) END,
  NULL, signed_up, signed_up + interval '90 days 0.123456 seconds',
  CASE WHEN i % 4 = 1 THEN format('4915%s', 10000000 + pg_temp.draw('phone' || i, 89999999)) END,
  CASE WHEN i % 8 = 1 THEN signed_up + interval '1 hour' END,
  CASE WHEN i = 41 THEN timestamptz '2126-01-01 00:00:00+00' END,
  i % 17 = 16,
  CASE WHEN i = 52 THEN timestamptz '2026-09-30 23:59:59.999999+00' END,
  i >= 58
FROM generate_series(0, 59) AS i,
  LATERAL (SELECT
    pg_temp.pick('first name' || i, '{Ana,Björn,Chloé,Dmitri,Emeka,Fatma,Grace,Haruki,Inés,Jan}'),
    pg_temp.pick('last name' || i, '{Silva,Kovač,Müller,Okafor,Tanaka,Smith,Nguyễn,Díaz,Weiß,Ali}'),
    timestamptz '2025-03-01 08:00:00+00' + pg_temp.draw('signed up' || i, 31536000000000)
      * interval '1 microsecond') AS person (first_name, last_name, signed_up);

INSERT INTO auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at,
  created_at, updated_at, id)
SELECT CASE WHEN provider = 'google'
    THEN (100000000000000000000 + pg_temp.draw(id::text, 9e17::bigint))::text
    ELSE id::text END,
  id, jsonb_build_object('sub', id, 'email', email,
    'email_verified', email_confirmed_at IS NOT NULL, 'phone_verified', false),
  provider, last_sign_in_at, created_at, updated_at, pg_temp.id('identity' || id)
FROM auth.users, LATERAL (SELECT coalesce(raw_app_meta_data ->> 'provider', '')) AS drawn (provider)
WHERE NOT is_anonymous ORDER BY created_at;

INSERT INTO auth.sessions (id, user_id, created_at, updated_at, aal, refreshed_at, user_agent, ip)
SELECT pg_temp.id('session' || id), id, last_sign_in_at, last_sign_in_at + interval '1 hour',
  CASE WHEN is_sso_user THEN 'aal2' ELSE 'aal1' END::auth.aal_level,
  timezone('UTC', last_sign_in_at + interval '1 hour'),
  'Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X)',
  inet '2001:db8::' + pg_temp.draw('ip' || id, 65536)
FROM auth.users WHERE last_sign_in_at IS NOT NULL ORDER BY created_at;

INSERT INTO auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at,
  session_id)
SELECT '00000000-0000-0000-0000-000000000000', left(md5('refresh' || id), 22), user_id::text, false,
  created_at, updated_at, id
FROM auth.sessions ORDER BY created_at;

INSERT INTO auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at,
  updated_at, secret)
SELECT pg_temp.id('factor' || id), id, 'Phone "work"', 'totp', 'verified', created_at, updated_at,
  upper(md5('totp' || id))
FROM auth.users WHERE is_sso_user ORDER BY created_at;

INSERT INTO auth.one_time_tokens
SELECT pg_temp.id('one-time' || id), id, 'confirmation_token', confirmation_token, email,
  timezone('UTC', created_at), timezone('UTC', created_at)
FROM auth.users WHERE confirmation_token <> '' ORDER BY created_at;

INSERT INTO auth.audit_log_entries
SELECT '00000000-0000-0000-0000-000000000000', pg_temp.id('audit' || i),
  json_build_object('action', pg_temp.pick('audited' || i, '{login,logout,token_refreshed}'),
    'actor_id', pg_temp.id('user' || i % 60), 'log_type', 'account'),
  pg_temp.moment('audit' || i), CASE WHEN i % 2 = 0 THEN '192.0.2.' || i % 250 ELSE '' END
FROM generate_series(0, 299) AS i;

INSERT INTO auth.schema_migrations
SELECT version FROM unnest('{20171026211738,20171026211808,20211122151130,20221003041349,
  20230322519590,20240427152123,20250717082212,20250904133000}'::text[]) AS version;

-- storage, realtime, vault, supabase_migrations ---------------------------------------------------

INSERT INTO storage.buckets (id, name, created_at, updated_at, public, file_size_limit,
  allowed_mime_types)
VALUES
  ('avatars', 'avatars', '2025-03-01 08:00:00+00', '2025-03-01 08:00:00+00', true, 1048576,
    '{image/png,image/jpeg}'),
  ('log-photos', 'log-photos', '2025-03-01 08:05:00+00', '2026-02-11 10:00:00.5+00', false, NULL,
    NULL);
INSERT INTO storage.objects (id, bucket_id, name, owner, created_at, updated_at, last_accessed_at,
  metadata, version, owner_id)
SELECT pg_temp.id('object' || i), 'log-photos', format('%s/unit %s/%s.jpg', i % 12, i % 96, i),
  pg_temp.id('user' || i % 60), pg_temp.moment('photo' || i), pg_temp.moment('photo' || i), NULL,
  jsonb_build_object('size', 10000 + pg_temp.draw('size' || i, 4000000), 'mimetype', 'image/jpeg',
    'eTag', format('"%s"', md5('object' || i))),
  pg_temp.id('object version' || i)::text, pg_temp.id('user' || i % 60)::text
FROM generate_series(0, 149) AS i;
INSERT INTO storage.migrations
SELECT i, format('migration-%s', i), left(md5('storage' || i), 40), timestamp '2025-03-01 08:00:00'
FROM generate_series(0, 9) AS i;

INSERT INTO realtime.messages (topic, extension, payload, event, updated_at, inserted_at, id)
SELECT 'unit:' || i % 96, 'broadcast', jsonb_build_object('temperature', i), 'reading',
  timestamp '2026-10-08 12:00:00', timestamp '2026-10-08 12:00:00', pg_temp.id('message' || i)
FROM generate_series(0, 49) AS i;
INSERT INTO realtime.schema_migrations VALUES (20211116024918, '2025-03-01 08:00:00');

INSERT INTO vault.secrets (id, name, description, secret, nonce, created_at, updated_at)
VALUES (pg_temp.id('secret'), 'ttn_api_key', 'The Things Network', encode(sha512('demo'), 'base64'),
  decode(md5('nonce'), 'hex'), '2025-03-01 08:00:00+00', '2025-03-01 08:00:00+00');

INSERT INTO supabase_migrations.schema_migrations (version, statements, name)
VALUES
  ('20250301080000', ARRAY['CREATE TABLE public.organizations (…)', E'COMMENT ON …;\n-- "done"'],
    'init'),
  ('20250611093015', ARRAY['ALTER TABLE public.alert_rules ADD FOREIGN KEY (unit_id) …'],
    'rules_per_unit'),
  ('20260211100000', NULL, 'empty');

-- level 0 and 1 -----------------------------------------------------------------------------------

INSERT INTO public.organizations
SELECT pg_temp.id('organization' || i), name, 'org-' || i,
  pg_temp.pick('zone' || i, '{UTC,Europe/Berlin,America/New_York,Asia/Tokyo,Africa/Lagos}'),
  (ARRAY['HACCP', NULL, ''])[1 + i % 3],
  CASE i WHEN 11 THEN '{}'::jsonb ELSE jsonb_build_object(
    'temperatureUnit', CASE WHEN i % 4 = 3 THEN 'F' ELSE 'C' END,
    'limits', jsonb_build_object('units', 100 * (i + 1), 'budget', 1.10, 'tiny', 1e-7),
    'quote', 'say "cold"', 'path', 'C:\Export\new', 'nothing', NULL, 'list', '[]'::jsonb) END,
  CASE WHEN i % 2 = 0 THEN format(E'%s Ice Road\nBack door\tring twice', i + 1) END,
  timestamptz '2025-03-01 08:00:00.000001+00' + i * interval '9 days 1.1 seconds',
  CASE i WHEN 9 THEN timestamptz '2026-08-31 22:00:00+00' END
FROM unnest(ARRAY['O''Brien''s Diner', 'Café „Zum Bären“', '東京冷蔵', 'Ice & Co <Kühl>',
  'Back\slash Labs', 'Polar 🐻‍❄️ Pharmacy', 'مختبر الشمال', 'Dairy "Best" Farm', 'Nord/Süd 50%',
  'Closed Kitchen', 'Ñandú Carnes', ' trailing space '])
  WITH ORDINALITY AS named (name, number), LATERAL (SELECT number::int - 1) AS row (i);

INSERT INTO public.subscriptions
SELECT pg_temp.id('subscription' || i), pg_temp.id('organization' || i),
  (enum_range(NULL::public.subscription_plan))[1 + i % 4],
  (enum_range(NULL::public.subscription_status))[1 + i % 4],
  10 * (i + 1), 49.90 * (i % 4), CASE WHEN i % 3 > 0 THEN (ARRAY[0.19, 0.070, 0.2])[i % 3] END,
  daterange('2026-10-01', CASE WHEN i % 5 > 0 THEN date '2026-11-01' END),
  CASE i % 4 WHEN 0 THEN timestamptz 'infinity'
    WHEN 1 THEN timestamptz '2026-11-30 00:00:00+00' END,
  CASE WHEN i % 4 > 0 THEN 'cus_' || left(md5('stripe' || i), 14) END
FROM generate_series(0, 11) AS i;

INSERT INTO public.profiles
SELECT pg_temp.id('profile' || i), users.id, pg_temp.id('organization' || i % 12),
  coalesce(initcap(email), 'nobody@example.com'),
  raw_user_meta_data ->> 'full_name', phone,
  CASE i % 4 WHEN 0 THEN '{}'::text[] WHEN 1 THEN '{de}' WHEN 2 THEN '{en,"pt, BR",NULL}'
    ELSE '{"zh \"Hant\"",en}' END,
  CASE WHEN i % 2 = 0 THEN time '22:00' END,
  CASE i % 6 WHEN 0 THEN time '24:00' WHEN 2 THEN time '06:30:00.5' END,
  CASE WHEN i % 3 > 0 THEN jsonb_build_object('sound', pg_temp.pick('sound' || i, '{🔔,🔕,off}'),
    'snoozeMinutes', i, 'pinned', jsonb_build_array(i, NULL, 'unit ' || i)) END,
  created_at, CASE WHEN i % 3 = 0 THEN updated_at END
FROM generate_series(0, 59) AS i JOIN auth.users ON users.id = pg_temp.id('user' || i);

INSERT INTO public.sites
SELECT pg_temp.id('site' || i), pg_temp.id('organization' || i % 12),
  format('%s %s', pg_temp.pick('site' || i, '{Harbour,Market,"Old Town",Airport,Cellar}'), i + 1),
  CASE WHEN i % 6 <> 5 THEN format(E'%s Main St.\n"Dock %s"', i + 1, i % 4) END,
  pg_temp.pick('country' || i, '{DE,US,JP,NG,BR}'),
  CASE WHEN i % 4 <> 3 THEN point(-70.5 + i * 4.25, 51.5 - i * 0.125) END,
  time '06:00' + i % 4 * interval '30 minutes',
  CASE i % 3 WHEN 0 THEN time '24:00' ELSE '22:15' END,
  CASE WHEN i % 2 = 0 THEN extensions.hstore(ARRAY['manager', 'zone'],
    ARRAY['O''Neil "Sue"', CASE WHEN i % 4 = 0 THEN 'north' END]) END,
  i % 10 <> 9, timestamptz '2025-04-01 10:00:00+00' + i * interval '5 days 0.000007 seconds'
FROM generate_series(0, 29) AS i;

INSERT INTO public.ttn_connections
SELECT pg_temp.id('ttn' || i), pg_temp.id('organization' || i), 'cold-chain-' || i,
  pg_temp.pick('region' || i, '{eu1,nam1,au1}'), upper(right(md5('key' || i), 4)),
  CASE WHEN i % 4 <> 3 THEN decode(md5('webhook' || i), 'hex') END,
  CASE WHEN i % 2 = 0 THEN network('203.0.113.0/24') END,
  CASE i WHEN 3 THEN E'HTTP 403: {"code": 7, "message": "no \\u0041 rights"}' WHEN 5 THEN '' END,
  CASE WHEN i % 3 > 0 THEN inet '198.51.100.7' + i END, pg_temp.moment('ttn' || i)
FROM generate_series(0, 7) AS i;

-- level 2 -----------------------------------------------------------------------------------------

INSERT INTO public.user_roles
SELECT pg_temp.id('organization' || i % 12), pg_temp.id('user' || i % 60),
  (enum_range(NULL::public.app_role))[1 + (i / 12 + i / 60) % 5],
  timestamptz '2025-06-01 12:00:00+00' + i * interval '1 day'
FROM generate_series(0, 71) AS i;

INSERT INTO public.escalation_contacts
SELECT pg_temp.id('contact' || i), pg_temp.id('organization' || i % 12),
  CASE WHEN i % 3 > 0 THEN pg_temp.id('profile' || i % 60) END,
  pg_temp.pick('contact' || i, '{"Night shift 🌙","Chef","Facilities \\ 24h","Dr. \"Cold\""}'),
  '+1 555 01' || lpad(i::text, 2, '0'),
  (ARRAY['{push}', '{sms,"phone call"}', '{}'])[1 + i % 3]::public.channel[],
  1 + i % 9, (1 + i) * interval '2 minutes 30 seconds'
FROM generate_series(0, 23) AS i;

INSERT INTO public.areas
SELECT pg_temp.id('area' || i), pg_temp.id('site' || i % 30),
  pg_temp.pick('area' || i, '{Kitchen,"Cold store",Bar,"Vaccines 💉",Loading}'),
  format('site_%s.floor_%s.area_%s', i % 30, i % 3, i)::extensions.ltree,
  CASE WHEN i % 7 > 0 THEN i % 3 - 1 END, i * 10
FROM generate_series(0, 59) AS i;

INSERT INTO public.hubs
SELECT pg_temp.id('hub' || i), pg_temp.id('site' || i),
  ('02:00:' || regexp_replace(left(md5('mac' || i), 8), '(..)(?=.)', '\1:', 'g'))::macaddr,
  pg_temp.pick('firmware' || i, '{2.4.1,2.5.0-rc1,1.9}'),
  CASE WHEN i % 2 = 0 THEN inet '10.0.0.0' + i ELSE inet 'fe80::1/64' + i END,
  9007199254740993 + i * 86400000000000,
  jsonb_build_object('intervalSeconds', 300, 'wifi', jsonb_build_object('ssid', 'Kitchen "5G"',
    'channel', i % 13), 'bootCount', 9007199254740993 + i),
  CASE WHEN i % 9 < 8 THEN pg_temp.moment('hub' || i) END
FROM generate_series(0, 29) AS i;

-- level 3 -----------------------------------------------------------------------------------------

INSERT INTO public.units (id, area_id, name, kind, status, temp_min, temp_max, volume_l,
  serial_number, bought_on, tags, notes, created_at)
SELECT pg_temp.id('unit' || i), pg_temp.id('area' || i % 60),
  format('%s #%s', initcap(replace(kind::text, '_', ' ')), i + 1), kind,
  (enum_range(NULL::public.unit_status))[1 + pg_temp.draw('status' || i, 5)],
  CASE WHEN kind IN ('freezer', 'blast_chiller') THEN -28.00 ELSE 0.50 END,
  CASE WHEN kind IN ('freezer', 'blast_chiller') THEN -15.50 ELSE 7.00 END,
  CASE WHEN i % 5 > 0 THEN 120.1 + i * 0.7 END,
  CASE WHEN i % 4 > 0 THEN 'SN\' || upper(left(md5('serial' || i), 8)) END,
  CASE WHEN i % 6 > 0 THEN date '2019-02-28' + i * 17 END,
  CASE i % 3 WHEN 0 THEN '{}'::text[] WHEN 1 THEN ARRAY['dairy', 'a "b", {c}', ''] END,
  CASE i % 8 WHEN 0 THEN E'Door seal is worn:\r\n\tcall "Frost & Söhne" 🧊' WHEN 1 THEN '' END,
  timestamptz '2025-05-01 06:00:00+00' + i * interval '1 day 00:00:00.01'
FROM generate_series(0, 95) AS i,
  LATERAL (SELECT (enum_range(NULL::public.unit_kind))[1 + i % 5]) AS drawn (kind);

INSERT INTO public.alert_rules
SELECT pg_temp.id('rule' || i), pg_temp.id('organization' || i % 12),
  CASE WHEN i % 4 > 0 THEN pg_temp.id('site' || i % 30) END,
  CASE WHEN i % 4 > 1 THEN pg_temp.id('unit' || i) END,
  format('%s, %s', kind, CASE WHEN i % 4 > 1 THEN 'this unit' ELSE 'everywhere' END), kind,
  (enum_range(NULL::public.alert_severity))[1 + i % 3],
  CASE WHEN kind = 'too_cold' THEN -30 + i % 8 * 0.25 END,
  CASE WHEN kind = 'too_warm' THEN 7 + i % 8 * 0.25 END,
  (ARRAY['15 minutes', '1 hour 30 minutes', '1 day', '00:00:00.5'])[1 + i % 4]::interval,
  CASE WHEN i % 5 = 0 THEN time '08:00' END, CASE WHEN i % 5 = 0 THEN time '20:00' END,
  i % 10 > 0, 1 + i % 2
FROM generate_series(0, 79) AS i,
  LATERAL (SELECT (enum_range(NULL::public.alert_kind))[1 + i % 5]) AS drawn (kind);

INSERT INTO public.devices
SELECT pg_temp.id('device' || i), pg_temp.id('hub' || i % 30),
  CASE WHEN i < 96 THEN pg_temp.id('unit' || i) END, 'FG-' || upper(left(md5('device' || i), 10)),
  pg_temp.pick('model' || i, '{LHT65,"EM320-TH",LDS02}'),
  CASE WHEN i < 96 THEN (ARRAY['active', 'active', 'low_battery', 'faulty'])[1 + i % 4]
    ELSE 'unpaired' END::public.device_status,
  CASE WHEN i < 96 THEN 100 - i END,
  CASE WHEN i < 96 THEN timestamptz '2025-05-02 06:00:00+00' + i * interval '1 day' END,
  CASE WHEN i < 96 THEN pg_temp.moment('device' || i) END
FROM generate_series(0, 119) AS i;

-- level 4 -----------------------------------------------------------------------------------------

INSERT INTO public.lora_sensors
SELECT pg_temp.id('lora' || i), pg_temp.id('device' || i), left(md5('eui' || i), 16)::macaddr8,
  sha256(convert_to('app key' || i, 'UTF8')), pg_temp.draw('frames' || i, 4294967296),
  7 + i % 6, (i % 256)::bit(8),
  CASE WHEN i % 5 > 0 THEN ARRAY[-60 - i % 50, NULL, -61]::smallint[] END
FROM generate_series(0, 107) AS i;

INSERT INTO public.calibration_records (device_id, calibrated_on, offset_c, reference_points,
  certificate_url, technician)
SELECT pg_temp.id('device' || i % 96), date '2025-06-01' + i * 3,
  (pg_temp.draw('offset' || i, 2001) - 1000) / 1000.0,
  ARRAY[-18.000, 0.000, 4.125 + i % 7 * 0.001],
  CASE WHEN i % 4 > 0 THEN format('https://example.com/certificates/%s.pdf?a=1&b=%%20', i) END,
  pg_temp.pick('technician' || i, '{"J. O''Hara","Yūki",""}')
FROM generate_series(0, 149) AS i;

-- Each unit every five minutes: its set point, a day's slow wave, a compressor's quick one, noise.
INSERT INTO public.sensor_readings (id, unit_id, device_id, recorded_at, received_at, temperature,
  humidity, battery_v, rssi, frame_counter, is_valid, payload)
SELECT pg_temp.id('reading' || i), unit.id, unit.device_id, recorded_at,
  recorded_at + noise % 4000000 * interval '1 microsecond',
  unit.set_point + abs(i / 96 % 288 - 144) * 0.01 + i / 96 % 7 * 0.05 + noise % 61 / 100.0
    + CASE WHEN noise % 997 = 0 THEN 11.5 ELSE 0 END,
  CASE WHEN noise % 5 > 0 THEN 35 + noise % 6000 / 100.0 END,
  (2.9 + noise % 70 / 100.0)::real, -30 - noise % 90, 4294967296 + i / 96,
  noise % 997 > 0,
  CASE WHEN noise % 4 > 0 THEN jsonb_build_object('fPort', 2,
    'snr', round(noise % 200 / 10.0 - 10, 1), 'frm', encode(int8send(noise), 'base64')) END
FROM pg_temp.scaled(200000) AS i
JOIN (
  SELECT n, pg_temp.id('unit' || n), pg_temp.id('device' || n),
    CASE WHEN n % 5 IN (1, 4) THEN -21.40 ELSE 2.10 END
  FROM generate_series(0, 95) AS n
) AS unit (n, id, device_id, set_point) ON n = i % 96,
  LATERAL (SELECT pg_temp.draw('noise' || i, 1000000000000)) AS drawn (noise),
  LATERAL (SELECT timestamptz '2026-10-01 00:00:00+00' + i / 96 * interval '5 minutes'
    + noise % 60000000 * interval '1 microsecond') AS at (recorded_at)
ORDER BY i;

INSERT INTO public.manual_temperature_logs
SELECT pg_temp.id('log' || i), pg_temp.id('unit' || i % 96),
  CASE WHEN i % 20 > 0 THEN pg_temp.id('profile' || i % 60) END,
  pg_temp.draw('logged' || i, 1200) / 100.0 - 2, at, timezone('Europe/Berlin', at),
  CASE i % 9 WHEN 0 THEN 'ok' WHEN 1 THEN E'tasted "fine"\nstill 3°C' WHEN 2 THEN ''
    WHEN 3 THEN 'C:\logs\today' WHEN 4 THEN '👍🏽' END,
  CASE WHEN i % 15 = 0 THEN format('log-photos/%s.jpg', i) END
FROM generate_series(0, 1999) AS i, LATERAL (SELECT pg_temp.moment('log' || i)) AS logged (at);

INSERT INTO public.door_events (unit_id, state, occurred_at, open_for, source)
SELECT pg_temp.id('unit' || pg_temp.draw('door' || i / 2, 96)),
  CASE WHEN i % 2 = 0 THEN 'open' ELSE 'closed' END::public.door_state,
  timestamptz '2026-10-01 05:00:00+00' + i / 2 * interval '17 minutes 3.000123 seconds'
    + CASE WHEN i % 2 = 0 THEN interval '0' ELSE open_for END,
  CASE WHEN i % 2 = 1 THEN open_for END, CASE WHEN i % 7 > 0 THEN 'LDS02' END
FROM generate_series(0, 4999) AS i,
  LATERAL (SELECT (1 + pg_temp.draw('open' || i / 2, 900000)) * interval '0.001 second')
    AS drawn (open_for)
ORDER BY i;

-- level 5 -----------------------------------------------------------------------------------------

-- Every eighth alert escalates the one before it.
INSERT INTO public.alerts
SELECT pg_temp.id('alert' || i), pg_temp.id('unit' || unit),
  CASE WHEN i % 8 = 7 THEN pg_temp.id('alert' || i - 1) END, kind,
  CASE WHEN i % 8 = 7 THEN 'critical' ELSE pg_temp.pick('severity' || i, '{info,warning,critical}')
    END::public.alert_severity,
  (ARRAY['resolved', 'resolved', 'acknowledged', 'active'])[1 + noise % 4]::public.alert_status,
  format('%s: unit #%s', replace(kind::text, '_', ' '), unit + 1),
  CASE noise % 5 WHEN 0 THEN E'Door "left open"?\nCheck the seal \\ hinge' WHEN 1 THEN '🌡️ +4 °C'
    WHEN 2 THEN '' END,
  CASE kind WHEN 'too_warm' THEN 7.00 WHEN 'too_cold' THEN -28.00 END,
  CASE kind WHEN 'too_warm' THEN 7.05 + noise % 900 / 100.0
    WHEN 'too_cold' THEN -28.05 - noise % 300 / 100.0 END,
  CASE WHEN noise % 3 > 0 THEN jsonb_build_object('readings', noise % 40, 'rule', format('rule %s',
    noise % 80), 'samples', jsonb_build_array(1.10, -0.5, 1e3)) END,
  opened, CASE WHEN noise % 4 < 3 THEN opened + noise % 3600 * interval '1 second' END,
  CASE WHEN noise % 4 < 2 THEN opened + noise % 86400 * interval '1.5 seconds' END
FROM pg_temp.scaled(12000) AS i,
  LATERAL (SELECT pg_temp.draw('alert' || i - CASE WHEN i % 8 = 7 THEN 1 ELSE 0 END, 1000000000))
    AS drawn (noise),
  LATERAL (SELECT noise % 96, (enum_range(NULL::public.alert_kind))[1 + noise % 6],
    timestamptz '2026-07-01 00:00:00+00' + i * interval '14 minutes 0.010203 seconds')
    AS about (unit, kind, opened)
ORDER BY i;

INSERT INTO public.alert_rules_history (alert_rule_id, version, changed_at, changed_by, before,
  after)
SELECT rules.id, edition,
  timestamptz '2026-01-05 09:00:00+00' + (i * 2 + edition) * interval '1 day',
  'Manager' || i % 5 || '@Example.com',
  CASE WHEN edition > 1 THEN jsonb_build_object('tempMax', temp_max - 1, 'enabled', true) END,
  jsonb_build_object('tempMax', temp_max, 'enabled', is_enabled, 'name', name)
FROM generate_series(0, 79) AS i
JOIN public.alert_rules AS rules ON rules.id = pg_temp.id('rule' || i),
  LATERAL generate_series(1, rules.version) AS edition
ORDER BY i, edition;

-- level 6 and 7 -----------------------------------------------------------------------------------

INSERT INTO public.corrective_actions (id, alert_id, unit_id, profile_id, action, note_embedding,
  discarded_kg, cost, taken_at)
SELECT pg_temp.id('action' || alerts.id), alerts.id, unit_id,
  CASE WHEN noise % 10 > 0 THEN pg_temp.id('profile' || noise % 60) END,
  pg_temp.pick('action' || alerts.id, ARRAY['Closed the door', E'Moved stock to "B"\nand waited',
    'Called Frost & Söhne ☎️', 'Set point -18 → -20', 'see C:\haccp\7.docx']),
  CASE WHEN noise % 3 > 0
    THEN format('[%s,%s,-1,0.5]', noise % 7, noise % 9 / 4.0)::extensions.vector END,
  CASE noise % 4 WHEN 0 THEN 0 WHEN 1 THEN noise % 5000 / 1000.0 END,
  CASE WHEN noise % 4 = 1 THEN noise % 100000 / 100.0 END,
  acknowledged_at + interval '10 minutes'
FROM public.alerts,
  LATERAL (SELECT pg_temp.draw('action' || alerts.id, 1000000000)) AS drawn (noise)
WHERE acknowledged_at IS NOT NULL AND noise % 6 = 0
ORDER BY opened_at;

INSERT INTO public.notification_deliveries
SELECT pg_temp.id('delivery' || alerts.id || n), alerts.id,
  pg_temp.id('profile' || (noise + n) % 60),
  (enum_range(NULL::public.channel))[1 + (noise + n) % 4], state,
  CASE WHEN state IN ('sent', 'delivered') THEN 'msg_' || left(md5('message' || alerts.id || n), 16)
    END,
  n, CASE WHEN state IN ('bounced', 'failed') THEN
    jsonb_build_object('code', 550, 'text', E'5.1.1 <unknown> "user"\r\n', 'retry', n < 3) END,
  opened_at + n * interval '3 seconds',
  CASE state WHEN 'delivered' THEN opened_at + n * interval '3.456789 seconds' END
FROM public.alerts, generate_series(1, 2) AS n,
  LATERAL (SELECT pg_temp.draw('delivery' || alerts.id, 1000000000)) AS drawn (noise),
  LATERAL (SELECT (enum_range(NULL::public.delivery_status))[1 + noise / 7 % 5]) AS in_state (state)
WHERE severity = 'critical'
ORDER BY opened_at, n;

INSERT INTO public.event_logs (organization_id, event_type, actor, actor_ip, user_agent, details,
  previous_hash, occurred_at)
SELECT CASE WHEN noise % 50 > 0 THEN pg_temp.id('organization' || noise % 12) END,
  pg_temp.pick('event' || i, '{user.login,unit.created,alert.acknowledged,settings.changed,
    device.paired,report.exported}'),
  CASE noise % 4 WHEN 0 THEN 'system' WHEN 1 THEN 'O''Brien "Bob"' WHEN 2 THEN 'Zoë 🧊' END,
  CASE WHEN noise % 3 > 0 THEN inet '203.0.113.0' + noise % 256 END,
  CASE WHEN noise % 6 > 0 THEN 'FrostGuard/3.1 (Linux; \x64)' END,
  jsonb_build_object('requestId', pg_temp.id('request' || i), 'ms', round(noise % 90000 / 100.0, 2),
    'counter', 9007199254740992 + i,
    'changes', CASE WHEN noise % 8 = 0 THEN '[{"field": "temp_max", "from": 7.00, "to": 8.50}]'
      ELSE '[]' END::jsonb),
  CASE WHEN i > 0 THEN decode(md5('event' || i - 1), 'hex') END,
  timestamptz '2026-01-01 00:00:00+00' + i * interval '17 minutes 12.345678 seconds'
FROM pg_temp.scaled(25000) AS i,
  LATERAL (SELECT pg_temp.draw('event noise' || i, 1000000000)) AS drawn (noise)
ORDER BY i;

INSERT INTO public.pairing_sessions
SELECT pg_temp.id('pairing' || i), CASE WHEN i % 6 > 0 THEN pg_temp.id('device' || i * 2) END,
  upper(left(md5('code' || i), CASE WHEN i % 5 > 0 THEN 8 ELSE 6 END)),
  tstzrange(at, CASE WHEN i % 9 > 0 THEN at + interval '10 minutes' END), i % 4,
  CASE WHEN i % 3 > 0 THEN at + interval '2 minutes 0.000009 seconds' END,
  CASE WHEN i % 4 > 0 THEN E'JOIN\tdev=\\x' || md5('log' || i) || E'\nACK "1"\b\f' END
FROM generate_series(0, 39) AS i, LATERAL (SELECT pg_temp.moment('pairing' || i)) AS opened (at);
