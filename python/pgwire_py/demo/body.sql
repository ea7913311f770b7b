-- Parents come before what circles them, each in a statement of its own.
insert into body (id, name, symbol, kind, parent_id, mean_radius_km, orbital_period_days, has_rings, discovered, discoverer) values
    (1, 'Sun', '☉', 'star', null, 695700, null, false, null, null);

insert into body (id, name, symbol, kind, parent_id, mean_radius_km, orbital_period_days, has_rings, discovered, discoverer) values
    (10, 'Mercury', '☿', 'planet', 1, 2439.7, 87.969, false, null, null),
    (20, 'Venus', '♀', 'planet', 1, 6051.8, 224.701, false, null, null),
    (30, 'Earth', '⊕', 'planet', 1, 6371.0, 365.256, false, null, null),
    (40, 'Mars', '♂', 'planet', 1, 3389.5, 686.980, false, null, null),
    (50, 'Jupiter', '♃', 'planet', 1, 69911, 4332.589, true, null, null),
    (60, 'Saturn', '♄', 'planet', 1, 58232, 10759.22, true, null, null),
    (70, 'Uranus', '⛢', 'planet', 1, 25362, 30685.4, true, '1781-03-13', 'William Herschel'),
    (80, 'Neptune', '♆', 'planet', 1, 24622, 60189, true, '1846-09-23', 'Johann Gottfried Galle'),
    (101, 'Ceres', '⚳', 'dwarf planet', 1, 469.7, null, false, '1801-01-01', 'Giuseppe Piazzi'),
    (102, 'Pluto', '♇', 'dwarf planet', 1, 1188.3, 90560, false, '1930-02-18', 'Clyde Tombaugh'),
    (103, 'Eris', null, 'dwarf planet', 1, 1163, null, false, '2005-01-05', 'Michael Brown, Chad Trujillo, David Rabinowitz'),
    (104, 'Makemake', null, 'dwarf planet', 1, null, null, false, '2005-03-31', 'Michael Brown, Chad Trujillo, David Rabinowitz'),
    (201, 'Vesta', '⚶', 'asteroid', 1, 262.7, null, false, '1807-03-29', 'Heinrich Olbers'),
    (202, 'Psyche', null, 'asteroid', 1, null, null, false, '1852-03-17', 'Annibale de Gasparis'),
    (203, 'Eros', null, 'asteroid', 1, 8.42, 643.2, false, '1898-08-13', 'Carl Gustav Witt'),
    (204, 'Ryugu', null, 'asteroid', 1, 0.448, null, false, '1999-05-10', 'LINEAR'),
    (205, 'Bennu', null, 'asteroid', 1, 0.245, null, false, '1999-09-11', 'LINEAR'),
    (206, 'Didymos', null, 'asteroid', 1, null, null, false, '1996-04-11', 'Joseph Montani'),
    (207, 'Arrokoth', null, 'asteroid', 1, null, null, false, '2014-06-26', 'New Horizons search team'),
    (301, '67P/Churyumov–Gerasimenko', null, 'comet', 1, null, null, false, null, 'Клим Чурюмов, Светлана Герасименко');

insert into body (id, name, symbol, kind, parent_id, mean_radius_km, orbital_period_days, has_rings, discovered, discoverer) values
    (31, 'Moon', '☾', 'moon', 30, 1737.4, 27.3217, false, null, null),
    (41, 'Phobos', null, 'moon', 40, 11.1, 0.3189, false, '1877-08-18', 'Asaph Hall'),
    (42, 'Deimos', null, 'moon', 40, 6.2, 1.2624, false, '1877-08-12', 'Asaph Hall'),
    (51, 'Io', null, 'moon', 50, 1821.6, 1.7691, false, '1610-01-08', 'Galileo Galilei'),
    (52, 'Europa', null, 'moon', 50, 1560.8, 3.5512, false, '1610-01-08', 'Galileo Galilei'),
    (53, 'Ganymede', null, 'moon', 50, 2634.1, 7.1546, false, '1610-01-07', 'Galileo Galilei'),
    (54, 'Callisto', null, 'moon', 50, 2410.3, 16.6890, false, '1610-01-07', 'Galileo Galilei'),
    (61, 'Mimas', null, 'moon', 60, 198.2, 0.9424, false, '1789-09-17', 'William Herschel'),
    (62, 'Enceladus', null, 'moon', 60, 252.1, 1.3702, false, '1789-08-28', 'William Herschel'),
    (65, 'Rhea', null, 'moon', 60, 763.8, 4.5182, false, '1672-12-23', 'Giovanni Domenico Cassini'),
    (66, 'Titan', null, 'moon', 60, 2574.7, 15.9454, false, '1655-03-25', 'Christiaan Huygens'),
    (68, 'Iapetus', null, 'moon', 60, 734.5, 79.3215, false, '1671-10-25', 'Giovanni Domenico Cassini'),
    (73, 'Titania', null, 'moon', 70, 788.4, 8.7062, false, '1787-01-11', 'William Herschel'),
    (74, 'Oberon', null, 'moon', 70, 761.4, 13.4632, false, '1787-01-11', 'William Herschel'),
    (75, 'Miranda', null, 'moon', 70, 235.8, 1.4135, false, '1948-02-16', 'Gerard Kuiper'),
    (81, 'Triton', null, 'moon', 80, 1353.4, 5.8769, false, '1846-10-10', 'William Lassell'),
    (111, 'Charon', null, 'moon', 102, 606.0, 6.3872, false, '1978-06-22', 'James Christy'),
    (211, 'Dimorphos', null, 'moon', 206, null, null, false, '2003-11-20', 'Petr Pravec');
