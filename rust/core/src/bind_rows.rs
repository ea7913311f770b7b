//! A Bind, and what goes behind it, for each row of encoded rows: a batch written in one go (Protocol 55.7, Bind).
use crate::wire::{EncodeError, check_length};

/// Binds for DataRow messages: each row's values are the parameters.
#[derive(Debug, Clone, Copy)]
pub struct BindRows<'a> {
    /// Whole DataRow messages.
    pub rows: &'a [u8],
    /// What stands before the values in each: portal, statement, formats of the parameters.
    pub before: &'a [u8],
    /// What stands behind the values: formats of the results.
    pub after: &'a [u8],
    /// Whole messages behind each Bind.
    pub behind: &'a [u8],
}

impl<'a> BindRows<'a> {
    /// The bodies of the rows.
    ///
    /// # Errors
    /// The bytes are no such messages.
    fn bodies(&self) -> impl Iterator<Item = Result<&'a [u8], EncodeError>> {
        let mut rest = self.rows;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let body = match rest {
                [b'D', a, b, c, d, behind @ ..] => u32::from_be_bytes([*a, *b, *c, *d])
                    .checked_sub(4)
                    .filter(|size| *size >= 2)
                    .and_then(|size| behind.split_at_checked(size as usize)),
                _ => None,
            };
            let (body, behind) = body.unwrap_or_default();
            rest = behind;
            Some(if body.is_empty() {
                Err(EncodeError::NoRows)
            } else {
                Ok(body)
            })
        })
    }

    /// Bytes of all messages.
    ///
    /// # Errors
    /// The rows are none, or a message becomes too long.
    pub fn size(&self) -> Result<usize, EncodeError> {
        let mut size = 0;
        for body in self.bodies() {
            let length = 4 + self.before.len() + body?.len() + self.after.len();
            check_length(length)?;
            size += 1 + length + self.behind.len();
        }
        Ok(size)
    }

    /// Writes them to the beginning of `out`, which has room for what `size` says.
    ///
    /// # Errors
    /// The rows are none.
    pub fn write(&self, mut out: &mut [u8]) -> Result<(), EncodeError> {
        for body in self.bodies() {
            let body = body?;
            let length = 4 + self.before.len() + body.len() + self.after.len();
            let head = (length as u32).to_be_bytes();
            for piece in [b"B", &head[..], self.before, body, self.after, self.behind] {
                let (place, rest) = out.split_at_mut(piece.len());
                place.copy_from_slice(piece);
                out = rest;
            }
        }
        Ok(())
    }
}
