//! The Arrow C data interface: structures of a producer → the core's [`Field`] and [`Array`], whose buffers have lengths.
//!
//! The interface gives no lengths of buffers: they follow from an array's length, offset and last offset, which are trusted to be backed by
//! memory. All that can be checked is: counts, signs, NULL pointers, lengths of children against those of parents.
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_buffer::alloc::Allocation;
use pgwire_py_core::arrow::layout::{Array, Extension, Field, Format, Part, broken};
use pgwire_py_core::types::{Result, ValueError};

/// Arrays within arrays that are read.
const MAX_DEPTH: usize = 64;

macro_rules! structure {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[repr(C)]
        pub struct $name {
            $($field: $type,)*
            release: Option<unsafe extern "C" fn(*mut $name)>,
            private_data: *mut c_void,
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if let Some(release) = self.release {
                    // SAFETY: a structure that is not released may be released once; the callback clears itself.
                    unsafe { release(self) };
                }
            }
        }
    };
}

structure!(
    /// ArrowSchema.
    RawSchema {
        format: *const c_char,
        name: *const c_char,
        metadata: *const c_char,
        flags: i64,
        n_children: i64,
        children: *mut *mut RawSchema,
        dictionary: *mut RawSchema,
    }
);
structure!(
    /// ArrowArray.
    RawArray {
        length: i64,
        null_count: i64,
        offset: i64,
        n_buffers: i64,
        n_children: i64,
        buffers: *mut *const c_void,
        children: *mut *mut RawArray,
        dictionary: *mut RawArray,
    }
);
structure!(
    /// ArrowArrayStream.
    RawStream {
        get_schema: Option<unsafe extern "C" fn(*mut RawStream, *mut RawSchema) -> c_int>,
        get_next: Option<unsafe extern "C" fn(*mut RawStream, *mut RawArray) -> c_int>,
        get_last_error: Option<unsafe extern "C" fn(*mut RawStream) -> *const c_char>,
    }
);

// SAFETY: the interface lets a structure be used and released from any thread, by one at a time.
unsafe impl Send for RawStream {}
// SAFETY: as above.
unsafe impl Send for RawArray {}
// SAFETY: an array is only read until it is released.
unsafe impl Sync for RawArray {}
impl std::panic::RefUnwindSafe for RawArray {}

/// The columns of the table that a schema describes.
///
/// # Safety
/// `schema` is a valid ArrowSchema.
pub unsafe fn table_fields(schema: &RawSchema) -> Result<Arc<[Field]>> {
    // SAFETY: the caller's promise.
    let field = unsafe { field(schema, 0)? };
    if field.format != Format::Struct {
        return Err(ValueError::new(
            "42804",
            "the Arrow source is not a table: its type is no struct",
        ));
    }
    Ok(field.children.into())
}

unsafe fn field(schema: &RawSchema, depth: usize) -> Result<Field> {
    if depth > MAX_DEPTH {
        return Err(broken("types lie within too many others"));
    }
    if schema.release.is_none() {
        return Err(broken("a schema has been released"));
    }
    // SAFETY: the caller's promise, for this and every structure that it points to.
    unsafe {
        let format = Format::parse(&text(schema.format)?)?;
        let extension = extension(schema.metadata);
        let children = pointers(schema.children, schema.n_children)?
            .iter()
            .map(|child| field(reached(*child)?, depth + 1))
            .collect::<Result<_>>()?;
        let dictionary = match NonNull::new(schema.dictionary) {
            None => None,
            Some(values) => Some(Box::new(field(values.as_ref(), depth + 1)?)),
        };
        Field {
            name: text(schema.name)?,
            format,
            extension,
            children,
            dictionary,
        }
        .check()
    }
}

unsafe fn text(pointer: *const c_char) -> Result<String> {
    if pointer.is_null() {
        return Ok(String::new());
    }
    // SAFETY: the caller's promise: a C string.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    let text = bytes.to_str().map_err(|_| broken("a name is not UTF-8"))?;
    Ok(text.to_owned())
}

/// The value of `ARROW:extension:name` in metadata: a count, then keys and values, each with its length in front.
unsafe fn extension(metadata: *const c_char) -> Option<Extension> {
    let mut at: *const u8 = metadata.cast();
    if at.is_null() {
        return None;
    }
    let number = |at: &mut *const u8| {
        // SAFETY: the caller's promise: metadata as the interface lays it out.
        unsafe {
            let value = at.cast::<i32>().read_unaligned();
            *at = at.add(4);
            usize::try_from(value).ok()
        }
    };
    let count = number(&mut at)?;
    let mut found = None;
    for _ in 0..count {
        let mut pair: [&[u8]; 2] = [&[]; 2];
        for part in &mut pair {
            let length = number(&mut at)?;
            // SAFETY: as above.
            unsafe {
                *part = std::slice::from_raw_parts(at, length);
                at = at.add(length);
            }
        }
        if pair[0] == b"ARROW:extension:name" {
            found = std::str::from_utf8(pair[1]).ok().and_then(Extension::named);
        }
    }
    found
}

unsafe fn pointers<'a, T>(first: *mut *mut T, count: i64) -> Result<&'a [*mut T]> {
    match usize::try_from(count) {
        Ok(0) => Ok(&[]),
        // SAFETY: the caller's promise: so many pointers.
        Ok(count) if !first.is_null() && count <= 1 << 20 => {
            Ok(unsafe { std::slice::from_raw_parts(first, count) })
        }
        _ => Err(broken("children are missing")),
    }
}

unsafe fn reached<'a, T>(pointer: *mut T) -> Result<&'a T> {
    // SAFETY: the caller's promise: NULL or valid.
    unsafe { pointer.as_ref() }.ok_or_else(|| broken("a child is missing"))
}

/// A stream of batches, moved out of where it was.
pub struct Stream {
    raw: Box<RawStream>,
    fields: Arc<[Field]>,
    ended: bool,
}

impl Stream {
    /// # Safety
    /// `pointer` points to a valid ArrowArrayStream, which nobody else uses meanwhile; it is marked as released.
    pub unsafe fn open(pointer: *mut RawStream) -> Result<Stream> {
        // SAFETY: the caller's promise; what stays behind is marked as released, so it is not released twice.
        let mut raw = Box::new(unsafe {
            let raw = ptr::read(pointer);
            (*pointer).release = None;
            raw
        });
        let Some(get_schema) = raw.get_schema.filter(|_| raw.release.is_some()) else {
            return Err(broken("the stream has been released"));
        };
        let mut schema = RawSchema {
            format: ptr::null(),
            name: ptr::null(),
            metadata: ptr::null(),
            flags: 0,
            n_children: 0,
            children: ptr::null_mut(),
            dictionary: ptr::null_mut(),
            release: None,
            private_data: ptr::null_mut(),
        };
        // SAFETY: a stream that is not released, and a place for a schema.
        let status = unsafe { get_schema(&mut *raw, &mut schema) };
        if status != 0 {
            return Err(Stream::error(&mut raw, status));
        }
        // SAFETY: the producer says that it has filled the schema.
        let fields = unsafe { table_fields(&schema)? };
        Ok(Stream {
            raw,
            fields,
            ended: false,
        })
    }

    pub fn fields(&self) -> Arc<[Field]> {
        Arc::clone(&self.fields)
    }

    /// The next batch; None at the end.
    pub fn next(&mut self) -> Result<Option<Array>> {
        let Some(get_next) = self.raw.get_next.filter(|_| !self.ended) else {
            return Ok(None);
        };
        let mut array = RawArray {
            length: 0,
            null_count: 0,
            offset: 0,
            n_buffers: 0,
            n_children: 0,
            buffers: ptr::null_mut(),
            children: ptr::null_mut(),
            dictionary: ptr::null_mut(),
            release: None,
            private_data: ptr::null_mut(),
        };
        // SAFETY: a stream that is not released, and a place for an array.
        let status = unsafe { get_next(&mut *self.raw, &mut array) };
        if status != 0 {
            self.ended = true;
            return Err(Stream::error(&mut self.raw, status));
        }
        if array.release.is_none() {
            self.ended = true;
            return Ok(None);
        }
        // SAFETY: the producer says that it has filled the array.
        unsafe { table(&self.fields, array) }.map(Some)
    }

    /// XX000 with the producer's own words, where it has any.
    fn error(raw: &mut RawStream, status: c_int) -> ValueError {
        let words = raw.get_last_error.and_then(|get_last_error| {
            // SAFETY: a stream that is not released has just failed; the text is valid until it is called again.
            let text = unsafe { get_last_error(raw) };
            // SAFETY: NULL or a C string.
            (!text.is_null()).then(|| {
                unsafe { CStr::from_ptr(text) }
                    .to_string_lossy()
                    .into_owned()
            })
        });
        ValueError::new(
            "XX000",
            words.unwrap_or_else(|| format!("the Arrow producer failed with error code {status}")),
        )
    }
}

/// An array moved out of where it was.
///
/// # Safety
/// `pointer` points to a valid ArrowArray, which nobody else uses meanwhile; it is marked as released.
pub unsafe fn take(pointer: *mut RawArray) -> RawArray {
    // SAFETY: the caller's promise; what stays behind is marked as released.
    unsafe {
        let raw = ptr::read(pointer);
        (*pointer).release = None;
        raw
    }
}

/// The rows of a table whose columns are `fields`: a struct array without nulls.
///
/// # Safety
/// `raw` is a valid ArrowArray.
pub unsafe fn table(fields: &[Field], raw: RawArray) -> Result<Array> {
    if raw.release.is_none() {
        return Err(broken("an array has been released"));
    }
    let raw = Arc::new(raw);
    let owner: Arc<dyn Allocation> = Arc::clone(&raw) as Arc<dyn Allocation>;
    // SAFETY: the caller's promise.
    let table = unsafe { import(Format::Struct, fields, None, &raw, &owner)? };
    if let Some(bits) = &table.nulls {
        let is_valid = |row: usize| {
            bits.get(row >> 3)
                .is_some_and(|byte| byte >> (row & 7) & 1 == 1)
        };
        if !(table.offset..table.offset + table.length).all(is_valid) {
            return Err(broken("a row of a table is null"));
        }
    }
    Ok(table)
}

/// # Safety
/// `raw` and what it points to are as the interface says, as far as that is not checked here; `owner` keeps them.
unsafe fn import(
    format: Format,
    children: &[Field],
    dictionary: Option<&Field>,
    raw: &RawArray,
    owner: &Arc<dyn Allocation>,
) -> Result<Array> {
    let size = |number: i64| usize::try_from(number).ok().filter(|size| *size < 1 << 48);
    let (Some(length), Some(offset), Some(count)) =
        (size(raw.length), size(raw.offset), size(raw.n_buffers))
    else {
        return Err(broken("a length or offset is negative or too large"));
    };
    let rows = length + offset;
    let parts = format.parts();
    let validity = usize::from(format.has_validity());
    let buffers: &[*const c_void] = match (count, raw.buffers.is_null()) {
        (0, _) => &[],
        (_, true) => return Err(broken("buffers are missing")),
        // SAFETY: so many pointers, by the interface.
        (count, false) => unsafe { std::slice::from_raw_parts(raw.buffers, count) },
    };
    if count < validity + parts.iter().filter(|part| **part != Part::Variadic).count() {
        return Err(broken("an array has too few buffers"));
    }
    let take =
        |pointer: *const c_void, size: usize| match NonNull::new(pointer.cast_mut().cast::<u8>()) {
            _ if size == 0 => Ok(Buffer::default()),
            None => Err(broken("a buffer is missing")),
            // SAFETY: the producer says that it has so many bytes, and keeps them while `owner` lives.
            Some(pointer) => {
                Ok(unsafe { Buffer::from_custom_allocation(pointer, size, Arc::clone(owner)) })
            }
        };
    let nulls = match (validity, raw.null_count) {
        (0, _) | (_, 0) => None,
        (_, negative) if buffers[0].is_null() && negative < 0 => None,
        _ => Some(take(buffers[0], rows.div_ceil(8))?),
    };
    let mut kept = Vec::with_capacity(parts.len());
    for (part, index) in parts.iter().zip(validity..) {
        let width = format.width(*part);
        match part {
            Part::Bits => kept.push(take(buffers[index], rows.div_ceil(8))?),
            Part::Fixed(_) => kept.push(take(buffers[index], rows * width)?),
            // An array without rows may have no offsets.
            Part::Offsets(_) if rows == 0 => kept.push(Buffer::default()),
            Part::Offsets(_) => kept.push(take(buffers[index], (rows + 1) * width)?),
            Part::Data => {
                let offsets: &[u8] = kept.last().map_or(&[], |offsets| offsets);
                let last = match (
                    offsets.last_chunk::<4>(),
                    offsets.last_chunk::<8>(),
                    format.width(parts[0]),
                ) {
                    (Some(last), _, 4) => i64::from(i32::from_ne_bytes(*last)),
                    (_, Some(last), 8) => i64::from_ne_bytes(*last),
                    _ => 0,
                };
                let Some(size) = size(last) else {
                    return Err(broken("an offset is negative or too large"));
                };
                kept.push(take(buffers[index], size)?);
            }
            Part::Variadic if count > index + 1 => {
                let sizes = take(buffers[count - 1], (count - index - 1) * 8)?;
                for (number, pointer) in sizes.as_chunks::<8>().0.iter().zip(&buffers[index..]) {
                    let Some(size) = size(i64::from_ne_bytes(*number)) else {
                        return Err(broken("the length of a buffer is negative or too large"));
                    };
                    kept.push(take(*pointer, size)?);
                }
            }
            Part::Variadic => {}
        }
    }
    // SAFETY: so many pointers, by the interface.
    let raw_children = unsafe { pointers(raw.children, raw.n_children)? };
    if raw_children.len() != children.len() {
        return Err(broken("an array has a wrong number of children"));
    }
    let mut imported = Vec::with_capacity(children.len());
    for (field, child) in children.iter().zip(raw_children) {
        // SAFETY: NULL or valid, by the interface.
        imported.push(unsafe { column(field, reached(*child)?, owner)? });
    }
    let needed = match format {
        Format::Struct => rows,
        Format::List(pgwire_py_core::arrow::layout::Span::Fixed(size)) => rows.saturating_mul(size),
        _ => 0,
    };
    if imported.iter().any(|child| child.length < needed) {
        return Err(broken("a child is shorter than its parent"));
    }
    // SAFETY: NULL or valid, by the interface.
    let dictionary = match (dictionary, unsafe { raw.dictionary.as_ref() }) {
        (None, _) => None,
        // SAFETY: as above.
        (Some(field), Some(values)) => Some(Box::new(unsafe { column(field, values, owner)? })),
        (Some(_), None) => return Err(broken("a dictionary is missing")),
    };
    Ok(Array {
        length,
        offset,
        nulls,
        buffers: kept,
        children: imported,
        dictionary,
    })
}

/// # Safety
/// As for [`import`].
unsafe fn column(field: &Field, raw: &RawArray, owner: &Arc<dyn Allocation>) -> Result<Array> {
    // SAFETY: the caller's promise.
    unsafe {
        import(
            field.format,
            &field.children,
            field.dictionary.as_deref(),
            raw,
            owner,
        )
    }
}
