insert into agency (code, name, native_name, seat, countries, founded, dissolved) values
    ('NASA', 'National Aeronautics and Space Administration', null, 'Washington, D.C.', ['US'], '1958-07-29', null),
    ('USSR', 'Soviet space programme', 'Космическая программа СССР', 'Москва', ['SU'], null, '1991-12-26'),
    ('RSA', 'Roscosmos', 'Роскосмос', 'Москва', ['RU'], '1992-02-25', null),
    ('ESA', 'European Space Agency', 'Agence spatiale européenne', 'Paris', ['AT', 'BE', 'CH', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GB', 'GR', 'HU', 'IE', 'IT', 'LU', 'NL', 'NO', 'PL', 'PT', 'RO', 'SE', 'SI'], '1975-05-30', null),
    ('CNES', 'National Centre for Space Studies', 'Centre national d’études spatiales', 'Paris', ['FR'], '1961-12-19', null),
    ('CSA', 'Canadian Space Agency', 'Agence spatiale canadienne', 'Longueuil, Québec', ['CA'], '1989-03-01', null),
    ('ISRO', 'Indian Space Research Organisation', 'भारतीय अंतरिक्ष अनुसंधान संगठन', 'Bengaluru', ['IN'], '1969-08-15', null),
    ('CNSA', 'China National Space Administration', '国家航天局', '北京', ['CN'], '1993-04-22', null),
    ('JAXA', 'Japan Aerospace Exploration Agency', '宇宙航空研究開発機構', '東京', ['JP'], '2003-10-01', null),
    ('UAESA', 'United Arab Emirates Space Agency', 'وكالة الإمارات للفضاء', 'أبوظبي', ['AE'], null, null);
