-- Tables and views of the demo data set; the rows are in the files named after the tables.

create table agency (
    code        text primary key,
    name        text not null,
    native_name text,
    seat        text,
    countries   text[] not null,      -- ISO 3166 codes; members in alphabetical order
    founded     date,
    dissolved   date
);

create table body (
    id                  integer primary key,
    name                text not null unique,
    symbol              text,
    kind                text not null check (kind in ('star', 'planet', 'dwarf planet', 'moon', 'asteroid', 'comet')),
    parent_id           integer references body (id),
    mean_radius_km      decimal(10, 3),
    orbital_period_days decimal(12, 4),  -- sidereal, around the parent
    has_rings           boolean not null,
    discovered          date,            -- null: known since antiquity, or the day is disputed
    discoverer          text
);

create table mission (
    id          integer primary key,
    uuid        uuid not null unique,    -- version 5, URL name space, of 'cospar:' and the designation
    cospar      text not null unique,    -- international designator
    name        text not null,
    native_name text,
    agency_code text not null references agency (code),
    target_id   integer references body (id),  -- null: an observatory
    launched    timestamptz not null,
    ended       date,                    -- last contact, return or end of operations; null: still at work, or not dated
    crew        text[],                  -- commander first; null: nobody on board
    cost_musd   decimal(8, 2),           -- as published at the time, in millions of US dollars
    details     json
);

create table landing (
    id           integer primary key,
    mission_id   integer not null references mission (id),
    body_id      integer not null references body (id),
    touched_down timestamp not null,     -- UTC
    soft         boolean not null,       -- false: an impact, meant or not
    site         text,
    latitude     decimal(5, 2),
    longitude    decimal(5, 2),
    sample_kg    decimal(8, 4)           -- brought back to Earth
);

create view flight as
select m.name, b.name as target, a.code as agency, m.launched, m.crew, m.cost_musd, m.details ->> 'vehicle' as vehicle
from mission m
join agency a on a.code = m.agency_code
left join body b on b.id = m.target_id
order by m.launched;

create view arrival as
select m.name as mission, b.name as body, l.site, l.touched_down, l.soft, l.sample_kg,
       date_diff('day', m.launched at time zone 'UTC', l.touched_down) as days_under_way
from landing l
join mission m on m.id = l.mission_id
join body b on b.id = l.body_id
order by l.touched_down;
