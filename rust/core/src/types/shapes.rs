//! Geometric types (PostgreSQL 8.8): point, line, lseg, box, path, polygon, circle.
use super::structured::Structure;
use super::{Kind, Result, Style, ValueError, floats, quoted};

/// x and y.
pub type Point = [f64; 2];

#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    Point(Point),
    /// A, B and C of Ax + By + C = 0.
    Line([f64; 3]),
    Lseg([Point; 2]),
    /// Upper right and lower left corner.
    Box([Point; 2]),
    Path {
        closed: bool,
        points: Vec<Point>,
    },
    Polygon(Vec<Point>),
    Circle {
        center: Point,
        radius: f64,
    },
}

/// Distance below which PostgreSQL takes coordinates for equal.
const EPSILON: f64 = 1e-6;

impl Shape {
    /// A box of two opposite corners in any order.
    pub fn new_box(first: Point, second: Point) -> Shape {
        let (mut high, mut low) = (first, second);
        for axis in 0..2 {
            if is_less(high[axis], low[axis]) {
                std::mem::swap(&mut high[axis], &mut low[axis]);
            }
        }
        Shape::Box([high, low])
    }

    /// 22P02 (22P03 in binary) for a line of no direction.
    pub fn new_line(line: [f64; 3], sqlstate: &'static str) -> Result<Shape> {
        if line[0].abs() <= EPSILON && line[1].abs() <= EPSILON {
            let message = "invalid line specification: A and B cannot both be zero";
            return Err(ValueError::new(sqlstate, message));
        }
        Ok(Shape::Line(line))
    }

    pub fn parse(kind: Structure, input: &str) -> Result<Shape> {
        let mut reader = Reader {
            kind,
            input,
            rest: input,
        };
        let shape = match kind {
            Structure::Point => Shape::Point(reader.pair()?),
            Structure::Lseg => Shape::Lseg(two(reader.points(true, 2)?.1)),
            Structure::Box => {
                let [first, second] = two(reader.points(false, 2)?.1);
                Shape::new_box(first, second)
            }
            Structure::Polygon => {
                let count = reader.count()?;
                Shape::Polygon(reader.points(false, count)?.1)
            }
            Structure::Path => reader.path()?,
            Structure::Circle => reader.circle()?,
            _ => reader.line()?,
        };
        reader.end()?;
        Ok(shape)
    }

    pub fn from_binary(kind: Structure, bytes: &[u8]) -> Result<Shape> {
        Ok(match kind {
            Structure::Point => Shape::Point(floats_of(bytes)?),
            Structure::Line => Shape::new_line(floats_of(bytes)?, "22P03")?,
            Structure::Lseg => {
                let [a, b, c, d] = floats_of(bytes)?;
                Shape::Lseg([[a, b], [c, d]])
            }
            Structure::Box => {
                let [a, b, c, d] = floats_of(bytes)?;
                Shape::new_box([a, b], [c, d])
            }
            Structure::Circle => {
                let [x, y, radius] = floats_of(bytes)?;
                if radius < 0.0 {
                    let message = "invalid \"radius\" value in external \"circle\" value";
                    return Err(ValueError::new("22P03", message));
                }
                Shape::Circle {
                    center: [x, y],
                    radius,
                }
            }
            Structure::Path => {
                let (closed, rest) = bytes.split_first().ok_or_else(ValueError::binary)?;
                Shape::Path {
                    closed: *closed != 0,
                    points: points_of(rest, "path")?,
                }
            }
            _ => Shape::Polygon(points_of(bytes, "polygon")?),
        })
    }

    pub fn write_text(&self, out: &mut Vec<u8>, style: &Style) {
        let digits = style.float_digits;
        match self {
            Shape::Point(point) => write_point(out, *point, digits),
            Shape::Line(line) => {
                out.push(b'{');
                write_floats(out, line, digits);
                out.push(b'}');
            }
            Shape::Lseg(ends) => write_points(out, ends, digits, b"[", b"]"),
            Shape::Box(corners) => write_points(out, corners, digits, b"", b""),
            Shape::Path {
                closed: false,
                points,
            } => write_points(out, points, digits, b"[", b"]"),
            Shape::Path { points, .. } | Shape::Polygon(points) => {
                write_points(out, points, digits, b"(", b")");
            }
            Shape::Circle { center, radius } => {
                out.push(b'<');
                write_point(out, *center, digits);
                out.push(b',');
                floats::write_f64_digits(out, *radius, digits);
                out.push(b'>');
            }
        }
    }

    pub fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Shape::Point(point) => put(out, point),
            Shape::Line(line) => put(out, line),
            Shape::Lseg(points) | Shape::Box(points) => put(out, points.as_flattened()),
            Shape::Path { closed, points } => {
                out.push(u8::from(*closed));
                put_points(out, points)?;
            }
            Shape::Polygon(points) => put_points(out, points)?,
            Shape::Circle { center, radius } => {
                put(out, center);
                put(out, &[*radius]);
            }
        }
        Ok(())
    }
}

/// Order of floats in which NaN is the largest.
fn is_less(a: f64, b: f64) -> bool {
    a < b || (b.is_nan() && !a.is_nan())
}

fn two(points: Vec<Point>) -> [Point; 2] {
    [points[0], points[1]]
}

fn write_floats(out: &mut Vec<u8>, values: &[f64], digits: i8) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        floats::write_f64_digits(out, *value, digits);
    }
}

fn write_point(out: &mut Vec<u8>, point: Point, digits: i8) {
    out.push(b'(');
    write_floats(out, &point, digits);
    out.push(b')');
}

fn write_points(out: &mut Vec<u8>, points: &[Point], digits: i8, open: &[u8], close: &[u8]) {
    out.extend_from_slice(open);
    for (index, point) in points.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_point(out, *point, digits);
    }
    out.extend_from_slice(close);
}

fn put(out: &mut Vec<u8>, values: &[f64]) {
    for value in values {
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn put_points(out: &mut Vec<u8>, points: &[Point]) -> Result<()> {
    out.extend_from_slice(&super::array::size_word(points.len())?);
    put(out, points.as_flattened());
    Ok(())
}

fn floats_of<const N: usize>(bytes: &[u8]) -> Result<[f64; N]> {
    if bytes.len() != 8 * N {
        return Err(ValueError::binary());
    }
    let mut values = [0.0; N];
    for (value, raw) in values.iter_mut().zip(bytes.chunks_exact(8)) {
        *value = f64::from_be_bytes(raw.try_into().map_err(|_| ValueError::binary())?);
    }
    Ok(values)
}

/// A count, one at least, and that many points.
fn points_of(bytes: &[u8], name: &str) -> Result<Vec<Point>> {
    let (head, rest) = bytes
        .split_first_chunk::<4>()
        .ok_or_else(ValueError::binary)?;
    let count = i32::from_be_bytes(*head);
    if count <= 0 || count >= (i32::MAX - 32) / 16 {
        let message = format!("invalid number of points in external \"{name}\" value");
        return Err(ValueError::new("22P03", message));
    }
    if rest.len() != 16 * count as usize {
        return Err(ValueError::binary());
    }
    rest.chunks_exact(16).map(floats_of).collect()
}

/// Reads as geo_ops.c does: delimiters may be left out where that is unambiguous.
struct Reader<'a> {
    kind: Structure,
    input: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn malformed(&self) -> ValueError {
        ValueError::syntax(Kind::Structured(self.kind), self.input)
    }

    fn space(&mut self) {
        self.rest = quoted::skip_space(self.rest);
    }

    /// Takes one character if it is the next.
    fn take(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(self.malformed())
        }
    }

    fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.malformed())
        }
    }

    /// A number with white space around it.
    fn number(&mut self) -> Result<f64> {
        self.space();
        let length = number_length(self.rest.as_bytes());
        if length == 0 {
            return Err(self.malformed());
        }
        let value = floats::parse_f64(&self.rest[..length])?;
        self.rest = &self.rest[length..];
        self.space();
        Ok(value)
    }

    fn pair(&mut self) -> Result<Point> {
        self.space();
        let delimited = self.take('(');
        let x = self.number()?;
        self.expect(',')?;
        let y = self.number()?;
        if delimited {
            self.expect(')')?;
            self.space();
        }
        Ok([x, y])
    }

    /// Whether a second parenthesis follows the first, which is then taken with the white space between them.
    fn double_parenthesis(&mut self) -> bool {
        let inner = quoted::skip_space(&self.rest[1..]);
        if inner.starts_with('(') {
            self.rest = inner;
            return true;
        }
        false
    }

    /// So many pairs with delimiters around them; whether those are brackets.
    fn points(&mut self, brackets: bool, count: usize) -> Result<(bool, Vec<Point>)> {
        self.space();
        let mut depth = 0;
        let open = self.rest.starts_with('[');
        if open {
            if !brackets {
                return Err(self.malformed());
            }
            self.take('[');
            depth = 1;
        } else if self.rest.starts_with('(') {
            if self.double_parenthesis() {
                depth = 1;
            } else if self.rest.rfind('(') == Some(0) {
                self.take('(');
                self.space();
                depth = 1;
            }
        }
        let mut points = Vec::with_capacity(count);
        for _ in 0..count {
            points.push(self.pair()?);
            self.take(',');
        }
        while depth > 0 {
            let closes = self.take(')') || open && self.take(']');
            if !closes {
                return Err(self.malformed());
            }
            depth -= 1;
            self.space();
        }
        Ok((open, points))
    }

    /// How many pairs the commas announce.
    fn count(&self) -> Result<usize> {
        let commas = self.input.bytes().filter(|byte| *byte == b',').count();
        if commas % 2 == 1 {
            Ok(commas.div_ceil(2))
        } else {
            Err(self.malformed())
        }
    }

    fn path(&mut self) -> Result<Shape> {
        let count = self.count()?;
        self.space();
        // A single parenthesis around everything.
        let around = self.rest.rfind('(') == Some(0);
        if around {
            self.take('(');
        }
        let (open, points) = self.points(true, count)?;
        if around {
            self.expect(')')?;
            self.space();
        }
        Ok(Shape::Path {
            closed: !open,
            points,
        })
    }

    fn circle(&mut self) -> Result<Shape> {
        self.space();
        let angle = self.take('<');
        let around = angle || self.rest.starts_with('(') && self.double_parenthesis();
        let center = self.pair()?;
        self.take(',');
        let radius = self.number()?;
        if radius < 0.0 {
            return Err(self.malformed());
        }
        if around {
            let closes = self.take(')') || self.take('>');
            if !closes {
                return Err(self.malformed());
            }
            self.space();
        }
        Ok(Shape::Circle { center, radius })
    }

    fn line(&mut self) -> Result<Shape> {
        self.space();
        if self.take('{') {
            let a = self.number()?;
            self.expect(',')?;
            let b = self.number()?;
            self.expect(',')?;
            let c = self.number()?;
            self.expect('}')?;
            self.space();
            self.end()?;
            return Shape::new_line([a, b, c], "22P02");
        }
        let [from, to] = two(self.points(true, 2)?.1);
        self.end()?;
        through(from, to)
    }
}

/// The line through two points, by PostgreSQL's arithmetic.
fn through(from: Point, to: Point) -> Result<Shape> {
    let same = |a: f64, b: f64| a == b || (a - b).abs() <= EPSILON || a.is_nan() && b.is_nan();
    if same(from[0], to[0]) && same(from[1], to[1]) {
        let message = "invalid line specification: must be two distinct points";
        return Err(ValueError::new("22P02", message));
    }
    if same(from[0], to[0]) {
        return Ok(Shape::Line([-1.0, 0.0, from[0]]));
    }
    if same(from[1], to[1]) {
        return Ok(Shape::Line([0.0, -1.0, from[1]]));
    }
    let overflow = || ValueError::new("22003", "value out of range: overflow");
    let finite = |value: f64, parts: &[f64]| {
        if value.is_infinite() && !parts.iter().any(|part| part.is_infinite()) {
            Err(overflow())
        } else {
            Ok(value)
        }
    };
    let rise = finite(from[1] - to[1], &[from[1], to[1]])?;
    let run = finite(from[0] - to[0], &[from[0], to[0]])?;
    let slope = finite(rise / run, &[rise])?;
    if slope == 0.0 && rise != 0.0 && run.is_finite() {
        return Err(ValueError::new("22003", "value out of range: underflow"));
    }
    let product = finite(slope * from[0], &[slope, from[0]])?;
    let c = finite(from[1] - product, &[from[1], product])?;
    // No negative zero.
    Ok(Shape::Line([slope, -1.0, c + 0.0]))
}

/// Bytes at the front that strtod would take for a number: decimal, or a word for infinity or NaN.
fn number_length(bytes: &[u8]) -> usize {
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let rest = &bytes[sign..];
    for word in ["infinity", "inf", "nan"] {
        if rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes()) {
            return sign + word.len();
        }
    }
    let digits = |from: usize| {
        rest[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let whole = digits(0);
    let mut length = whole;
    if rest.get(whole) == Some(&b'.') {
        let fraction = digits(whole + 1);
        if whole + fraction == 0 {
            return 0;
        }
        length += 1 + fraction;
    } else if whole == 0 {
        return 0;
    }
    if matches!(rest.get(length), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(rest.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits((length + 1 + signed).min(rest.len()));
        if exponent > 0 {
            length += 1 + signed + exponent;
        }
    }
    sign + length
}
