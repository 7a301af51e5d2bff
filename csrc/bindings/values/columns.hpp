// Columns of a bulk insert: NumPy arrays, Arrow arrays and Python sequences as scalars of the
// property's type, row by row. Columns that hold no Python objects are read without the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "bindings/values/convert.hpp"
#include "bindings/values/declared.hpp"

namespace realmsync::bindings {

class Column {
  public:
    virtual ~Column() = default;
    virtual std::size_t size() const = 0;
    // The value at a row, null as Type::null. Borrows from the column until the next call.
    virtual Scalar at(std::size_t row) = 0;
    // The same as Python has it, also what no scalar is: for properties with collections and links.
    virtual pybind11::object object_at(std::size_t row) = 0;
    virtual bool needs_python() const { return false; }
    virtual void forget() {} // between batches: what at() has lent
};

// A sequence of Python objects, or an object with the buffer protocol (one dimension of bools,
// integers or floats). `mask`: None or a buffer of bools, true where the value is null. `unit`:
// for int64 buffers that count time since 1970, ticks per second; 0 otherwise.
std::unique_ptr<Column> python_column(const DeclaredClass& cls, const DeclaredProperty& property,
                                      pybind11::object values, pybind11::object mask,
                                      std::int64_t unit);
// An Arrow array (__arrow_c_array__) or chunked array (__arrow_c_stream__).
std::unique_ptr<Column> arrow_column(const DeclaredClass& cls, const DeclaredProperty& property,
                                     pybind11::object array);

// The declared default in every row; a function is called once per row.
std::unique_ptr<Column> default_column(const DeclaredClass& cls, const DeclaredProperty& property,
                                       std::size_t size);

// Whether its values are more than scalars.
inline bool is_compound(const DeclaredProperty& property) {
    return property.collection != Collection::single || property.type == Type::link;
}

// A floating point number for an int property, as data frames have them for integers with gaps:
// NaN is null where that may be. PropertyTypeError for what has a fraction or is inexact.
Scalar whole_number(double number, bool nullable, const std::string& label, std::size_t row);

[[noreturn]] void null_in_column(const DeclaredClass& cls, const DeclaredProperty& property,
                                 std::size_t row);

} // namespace realmsync::bindings
