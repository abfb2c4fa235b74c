-- The demo product's own 23 tables: refrigeration monitoring. Restaurants and laboratories
-- (organizations) have sites with areas with units (fridges, freezers); LoRa sensors report
-- temperatures through hubs, rules turn them into alerts, people log what they did about them.
-- Run it as `postgres`, after platform.sql.
-- alert_rules names units, which come after it in any list sorted by hand; alerts name alerts.

SET LOCAL search_path = '';

CREATE TYPE public.app_role AS ENUM ('owner', 'admin', 'manager', 'staff', 'viewer');
CREATE TYPE public.subscription_plan AS ENUM ('trial', 'starter', 'pro', 'haccp');
CREATE TYPE public.subscription_status AS ENUM ('trialing', 'active', 'past_due', 'canceled');
CREATE TYPE public.unit_kind AS ENUM ('fridge', 'freezer', 'walk_in', 'display', 'blast_chiller');
CREATE TYPE public.unit_status AS ENUM ('ok', 'excursion', 'alarm_active', 'offline', 'restoring');
CREATE TYPE public.device_status AS ENUM ('unpaired', 'active', 'low_battery', 'faulty', 'retired');
CREATE TYPE public.alert_kind AS ENUM
  ('too_warm', 'too_cold', 'door_open', 'no_data', 'low_battery', 'manual');
CREATE TYPE public.alert_severity AS ENUM ('info', 'warning', 'critical');
CREATE TYPE public.alert_status AS ENUM ('active', 'acknowledged', 'resolved');
CREATE TYPE public.channel AS ENUM ('push', 'email', 'sms', 'phone call');
CREATE TYPE public.delivery_status AS ENUM ('queued', 'sent', 'delivered', 'bounced', 'failed');
CREATE TYPE public.door_state AS ENUM ('open', 'closed');

CREATE DOMAIN public.celsius AS numeric(5,2) CHECK (VALUE BETWEEN -200 AND 200);
CREATE SEQUENCE public.work_order_number_seq START WITH 1000;

-- level 0 -----------------------------------------------------------------------------------------

CREATE TABLE public.organizations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CHECK (name <> ''),
  slug text NOT NULL UNIQUE,
  timezone text NOT NULL DEFAULT 'UTC',
  compliance_mode text,
  settings jsonb NOT NULL DEFAULT '{}',
  billing_address text,
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
COMMENT ON TABLE public.organizations IS 'A customer: a restaurant group, a pharmacy, a laboratory';

-- level 1 -----------------------------------------------------------------------------------------

CREATE TABLE public.subscriptions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid NOT NULL UNIQUE REFERENCES public.organizations ON DELETE CASCADE,
  plan public.subscription_plan NOT NULL DEFAULT 'trial',
  status public.subscription_status NOT NULL DEFAULT 'trialing',
  sensor_limit integer NOT NULL CHECK (sensor_limit > 0),
  price_per_month numeric(10,2) NOT NULL,
  vat_rate numeric,
  current_period daterange NOT NULL,
  ends_at timestamptz,
  stripe_customer_id text
);
COMMENT ON TABLE public.subscriptions IS
  'What a customer pays for; one that never ends ends at infinity';

CREATE TABLE public.profiles (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL UNIQUE REFERENCES auth.users ON DELETE CASCADE,
  organization_id uuid REFERENCES public.organizations ON DELETE SET NULL,
  email extensions.citext NOT NULL,
  full_name text,
  phone text,
  languages text[] NOT NULL DEFAULT '{}',
  quiet_from time,
  quiet_to time,
  preferences jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz
);
COMMENT ON TABLE public.profiles IS 'A person, as the app shows it; the login is in auth.users';

CREATE TABLE public.sites (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
  name text NOT NULL,
  address text,
  country_code char(2) NOT NULL,
  location point,
  opens_at time,
  closes_at time,
  labels extensions.hstore,
  is_active bool NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.sites IS 'A building with refrigeration in it';

CREATE TABLE public.ttn_connections (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
  application_id text NOT NULL,
  region text NOT NULL DEFAULT 'eu1',
  api_key_last4 char(4),
  webhook_secret bytea,
  allowed_from cidr,
  last_error text,
  last_seen_from inet,
  last_seen_at timestamptz,
  UNIQUE (organization_id, application_id)
);
COMMENT ON TABLE public.ttn_connections IS
  'The Things Network applications that deliver sensor data';

-- level 2 -----------------------------------------------------------------------------------------

CREATE TABLE public.user_roles (
  organization_id uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE,
  role public.app_role NOT NULL DEFAULT 'viewer',
  granted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, user_id, role)
);
COMMENT ON TABLE public.user_roles IS 'Who may do what in which organization';

CREATE TABLE public.escalation_contacts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
  profile_id uuid REFERENCES public.profiles ON DELETE SET NULL,
  display_name text NOT NULL,
  phone text,
  channels public.channel[] NOT NULL DEFAULT '{push}',
  priority smallint NOT NULL CHECK (priority BETWEEN 1 AND 9),
  wait_before interval NOT NULL DEFAULT '10 minutes'
);
COMMENT ON TABLE public.escalation_contacts IS
  'Who is called next when nobody acknowledges an alert';

CREATE TABLE public.areas (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_id uuid NOT NULL REFERENCES public.sites ON DELETE CASCADE,
  name text NOT NULL,
  path extensions.ltree NOT NULL,
  floor smallint,
  sort_order integer NOT NULL DEFAULT 0,
  UNIQUE (site_id, path)
);
COMMENT ON TABLE public.areas IS 'A room or corner of a site';

CREATE TABLE public.hubs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_id uuid NOT NULL REFERENCES public.sites ON DELETE CASCADE,
  mac macaddr NOT NULL UNIQUE,
  firmware text,
  ip_address inet,
  uptime_ns bigint NOT NULL DEFAULT 0,
  config jsonb NOT NULL DEFAULT '{}',
  last_seen_at timestamptz
);
COMMENT ON TABLE public.hubs IS 'A gateway between the radio sensors and the network';
COMMENT ON COLUMN public.hubs.uptime_ns IS
  'Nanoseconds: soon beyond the 2^53 that JavaScript counts to';

CREATE TABLE public.alert_rules (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organization_id uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
  site_id uuid REFERENCES public.sites ON DELETE CASCADE,
  unit_id uuid,  -- the reference is added below, once units is there
  name text NOT NULL,
  kind public.alert_kind NOT NULL,
  severity public.alert_severity NOT NULL DEFAULT 'warning',
  temp_min public.celsius,
  temp_max public.celsius,
  delay interval NOT NULL DEFAULT '15 minutes',
  active_from time,
  active_to time,
  is_enabled bool NOT NULL DEFAULT true,
  version integer NOT NULL DEFAULT 1,
  CHECK (temp_min < temp_max)
);
COMMENT ON TABLE public.alert_rules IS
  'When to alert: for an organization, narrowed to a site or to one unit';

-- level 3 -----------------------------------------------------------------------------------------

CREATE TABLE public.units (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  area_id uuid NOT NULL REFERENCES public.areas ON DELETE CASCADE,
  name text NOT NULL,
  kind public.unit_kind NOT NULL,
  status public.unit_status NOT NULL DEFAULT 'ok',
  temp_min numeric(5,2) NOT NULL,
  temp_max numeric(5,2) NOT NULL,
  temp_range numrange GENERATED ALWAYS AS (numrange(temp_min, temp_max, '[]')) STORED,
  volume_l double precision,
  serial_number text,
  bought_on date,
  tags text[],
  notes text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (temp_min < temp_max)
);
COMMENT ON TABLE public.units IS 'A fridge, freezer or cold room';
ALTER TABLE public.alert_rules ADD FOREIGN KEY (unit_id) REFERENCES public.units ON DELETE CASCADE;

CREATE TABLE public.devices (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  hub_id uuid NOT NULL REFERENCES public.hubs ON DELETE CASCADE,
  unit_id uuid REFERENCES public.units ON DELETE SET NULL,
  serial_number text NOT NULL UNIQUE,
  model text NOT NULL,
  status public.device_status NOT NULL DEFAULT 'unpaired',
  battery_percent smallint CHECK (battery_percent BETWEEN 0 AND 100),
  paired_at timestamptz,
  last_seen_at timestamptz
);
COMMENT ON TABLE public.devices IS 'Anything with a battery that reports through a hub';

-- level 4 -----------------------------------------------------------------------------------------

CREATE TABLE public.lora_sensors (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  device_id uuid NOT NULL UNIQUE REFERENCES public.devices ON DELETE CASCADE,
  dev_eui macaddr8 NOT NULL UNIQUE,
  app_key_fingerprint bytea NOT NULL,
  frame_counter bigint NOT NULL DEFAULT 0,
  spreading_factor smallint CHECK (spreading_factor BETWEEN 7 AND 12),
  feature_bits bit(8) NOT NULL DEFAULT B'00000000',
  recent_rssi smallint[]
);
COMMENT ON TABLE public.lora_sensors IS 'The radio side of a device';

CREATE TABLE public.calibration_records (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  device_id uuid NOT NULL REFERENCES public.devices ON DELETE CASCADE,
  calibrated_on date NOT NULL,
  offset_c numeric(5,3) NOT NULL,
  reference_points numeric(6,3)[],
  certificate_url text,
  technician text
);
COMMENT ON TABLE public.calibration_records IS
  'Measured against a reference thermometer, for auditors';

CREATE TABLE public.sensor_readings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  unit_id uuid NOT NULL REFERENCES public.units ON DELETE CASCADE,
  device_id uuid NOT NULL REFERENCES public.devices ON DELETE CASCADE,
  recorded_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  temperature numeric(5,2) NOT NULL,
  temperature_f numeric(6,2) GENERATED ALWAYS AS (temperature * 9 / 5 + 32) STORED,
  humidity numeric(5,2),
  battery_v real,
  rssi smallint,
  frame_counter bigint NOT NULL,
  is_valid bool NOT NULL DEFAULT true,
  payload jsonb
);
COMMENT ON TABLE public.sensor_readings IS 'Every measurement; by far the largest table';
CREATE INDEX ON public.sensor_readings (unit_id, recorded_at DESC);

CREATE TABLE public.manual_temperature_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  unit_id uuid NOT NULL REFERENCES public.units ON DELETE CASCADE,
  profile_id uuid REFERENCES public.profiles ON DELETE SET NULL,
  temperature numeric(5,2) NOT NULL,
  logged_at timestamptz NOT NULL,
  logged_local timestamp NOT NULL,
  note text,
  photo_path text
);
COMMENT ON TABLE public.manual_temperature_logs IS 'Read off a thermometer by a person, for HACCP';

CREATE TABLE public.door_events (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  unit_id uuid NOT NULL REFERENCES public.units ON DELETE CASCADE,
  state public.door_state NOT NULL,
  occurred_at timestamptz NOT NULL,
  open_for interval,
  source text
);
COMMENT ON TABLE public.door_events IS 'A door that was opened or closed';

-- level 5 -----------------------------------------------------------------------------------------

CREATE TABLE public.alerts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  unit_id uuid NOT NULL REFERENCES public.units ON DELETE CASCADE,
  parent_alert_id uuid REFERENCES public.alerts ON DELETE SET NULL,
  kind public.alert_kind NOT NULL,
  severity public.alert_severity NOT NULL,
  status public.alert_status NOT NULL DEFAULT 'active',
  title text NOT NULL,
  message text,
  temp_limit public.celsius,
  temp_worst public.celsius,
  metadata jsonb,
  opened_at timestamptz NOT NULL,
  acknowledged_at timestamptz,
  resolved_at timestamptz
);
COMMENT ON TABLE public.alerts IS
  'Something was too warm, open or silent; an escalation names its parent';
CREATE INDEX ON public.alerts (unit_id, opened_at DESC);

CREATE TABLE public.alert_rules_history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  alert_rule_id uuid NOT NULL REFERENCES public.alert_rules ON DELETE CASCADE,
  version integer NOT NULL,
  changed_at timestamptz NOT NULL,
  changed_by extensions.citext,
  before jsonb,
  after jsonb NOT NULL,
  UNIQUE (alert_rule_id, version)
);
COMMENT ON TABLE public.alert_rules_history IS 'Every version of every rule';

-- level 6 -----------------------------------------------------------------------------------------

CREATE TABLE public.corrective_actions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  alert_id uuid NOT NULL REFERENCES public.alerts ON DELETE CASCADE,
  unit_id uuid NOT NULL REFERENCES public.units ON DELETE CASCADE,
  profile_id uuid REFERENCES public.profiles ON DELETE SET NULL,
  work_order_number bigint NOT NULL UNIQUE DEFAULT nextval('public.work_order_number_seq'),
  action text NOT NULL,
  note_embedding extensions.vector(4),
  discarded_kg numeric,
  cost numeric(12,2),
  taken_at timestamptz NOT NULL
);
ALTER SEQUENCE public.work_order_number_seq OWNED BY public.corrective_actions.work_order_number;
COMMENT ON TABLE public.corrective_actions IS 'What was done about an alert';

CREATE TABLE public.notification_deliveries (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  alert_id uuid NOT NULL REFERENCES public.alerts ON DELETE CASCADE,
  profile_id uuid NOT NULL REFERENCES public.profiles ON DELETE CASCADE,
  channel public.channel NOT NULL,
  status public.delivery_status NOT NULL DEFAULT 'queued',
  provider_message_id text,
  attempts smallint NOT NULL DEFAULT 0,
  error jsonb,
  queued_at timestamptz NOT NULL,
  delivered_at timestamptz
);
COMMENT ON TABLE public.notification_deliveries IS 'Each message sent about an alert';

-- level 7 -----------------------------------------------------------------------------------------

CREATE TABLE public.event_logs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id uuid REFERENCES public.organizations ON DELETE SET NULL,
  event_type text NOT NULL,
  actor text,
  actor_ip inet,
  user_agent text,
  details jsonb NOT NULL DEFAULT '{}',
  previous_hash bytea,
  occurred_at timestamptz NOT NULL
);
COMMENT ON TABLE public.event_logs IS 'Append-only audit trail';
CREATE INDEX ON public.event_logs (organization_id, occurred_at DESC);

CREATE TABLE public.pairing_sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  device_id uuid REFERENCES public.devices ON DELETE CASCADE,
  code char(8) NOT NULL,
  window_open tstzrange NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  completed_at timestamptz,
  log text
);
COMMENT ON TABLE public.pairing_sessions IS 'A device in the minutes while it is paired';

-- row-level security and grants -------------------------------------------------------------------
-- As in most projects: a member reads what belongs to its organization, managers write, and the
-- service role goes past it all.

CREATE FUNCTION public.my_organizations() RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
  AS 'SELECT organization_id FROM public.user_roles WHERE user_id = (SELECT auth.uid())';
CREATE FUNCTION public.my_units() RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
  AS 'SELECT units.id FROM public.units
      JOIN public.areas ON areas.id = area_id
      JOIN public.sites ON sites.id = site_id
      WHERE organization_id IN (SELECT public.my_organizations())';
CREATE FUNCTION public.my_devices() RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
  AS 'SELECT devices.id FROM public.devices
      JOIN public.hubs ON hubs.id = hub_id
      JOIN public.sites ON sites.id = site_id
      WHERE organization_id IN (SELECT public.my_organizations())';

DO $$
DECLARE
  mine record;
BEGIN
  FOR mine IN
    SELECT * FROM (VALUES
      ('id IN (SELECT public.my_organizations())', ARRAY['organizations']),
      ('organization_id IN (SELECT public.my_organizations())', ARRAY['subscriptions', 'profiles',
        'sites', 'ttn_connections', 'user_roles', 'escalation_contacts', 'alert_rules',
        'event_logs']),
      ('site_id IN (SELECT id FROM public.sites)', ARRAY['areas', 'hubs']),
      ('id IN (SELECT public.my_units())', ARRAY['units']),
      ('unit_id IN (SELECT public.my_units())', ARRAY['sensor_readings', 'manual_temperature_logs',
        'door_events', 'alerts', 'corrective_actions']),
      ('id IN (SELECT public.my_devices())', ARRAY['devices']),
      ('device_id IN (SELECT public.my_devices())', ARRAY['lora_sensors', 'calibration_records',
        'pairing_sessions']),
      ('alert_rule_id IN (SELECT id FROM public.alert_rules)', ARRAY['alert_rules_history']),
      ('alert_id IN (SELECT id FROM public.alerts)', ARRAY['notification_deliveries'])
    ) AS policy (condition, relnames), unnest(relnames) AS relname
  LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', mine.relname);
    EXECUTE format(
      'CREATE POLICY "members read" ON public.%I FOR SELECT TO authenticated USING (%s)',
      mine.relname, mine.condition);
  END LOOP;
END
$$;

CREATE POLICY "staff log temperatures" ON public.manual_temperature_logs
  FOR INSERT TO authenticated WITH CHECK (unit_id IN (SELECT public.my_units()));
CREATE POLICY "people change their own profile" ON public.profiles
  FOR UPDATE TO authenticated USING (user_id = (SELECT auth.uid()));

GRANT ALL ON ALL TABLES IN SCHEMA public TO anon, authenticated, service_role;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO anon, authenticated, service_role;
