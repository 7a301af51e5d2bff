// RealmHandle's bulk path: rows from an iterable of mappings, or from columns. The values go
// straight into a prepared INSERT and into the changeset.
#include <pybind11/pybind11.h>

#include <algorithm>

#include "bindings/realm/object_writer.hpp"
#include "bindings/values/columns.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using realm::WriteTransaction;
using Given = WriteTransaction::Given;

std::size_t RealmHandle::create_rows(py::object realm, int cls, py::iterable rows) {
    WriteTransaction::Step step(transaction());
    std::size_t count = 0;
    const std::string& name = declared(cls).name;
    ObjectWriter writer(*this, std::move(realm));
    for (py::handle row : rows) {
        writer.create(cls, to_mapping(row, Where{name, name}));
        writer.forget();
        ++count;
    }
    step.keep();
    return count;
}

namespace {

struct Bound {
    const DeclaredProperty* property;
    std::size_t at; // property index in the file's class
    std::unique_ptr<Column> column;
    Given given = Given::yes;
};

Key key_from(const Scalar& scalar) {
    Key key;
    key.type = scalar.type;
    switch (scalar.type) {
    case Type::integer: key.integer = scalar.integer; break;
    case Type::string: key.string = scalar.bytes; break;
    case Type::object_id: key.object_id = scalar.object_id; break;
    case Type::uuid: key.uuid = scalar.uuid; break;
    default: break;
    }
    return key;
}

} // namespace

std::size_t RealmHandle::create_columns(int cls, py::list columns, std::size_t first,
                                        std::size_t limit) {
    const DeclaredClass& c = declared(cls);
    const auto index = static_cast<std::size_t>(cls);
    const model::Class& actual = *writing_schema().classes[index];
    if (c.kind != TableKind::top_level || c.key < 0)
        raise_python("IllegalOperationError",
                     "columns need a top-level class with a primary key: '" + c.name + "'");
    std::vector<Bound> bound;
    std::vector<bool> covered(c.properties.size());
    for (py::handle item : columns) {
        auto entry = py::reinterpret_borrow<py::tuple>(item);
        const auto number = entry[0].cast<std::size_t>();
        const DeclaredProperty& p = c.properties.at(number);
        if (p.collection != Collection::single || p.type == Type::link)
            raise_python("IllegalOperationError", "'" + c.name + "." + p.label +
                                                      "' cannot be given as a column: only "
                                                      "properties with a single value can");
        covered[number] = true;
        std::unique_ptr<Column> column =
            entry.size() == 2
                ? arrow_column(c, p, entry[1])
                : python_column(c, p, entry[1], entry[2], entry[3].cast<std::int64_t>());
        bound.push_back({&p, writer_.properties[index][number], std::move(column)});
    }
    const std::size_t rows = bound.empty() ? 0 : bound[0].column->size();
    for (std::size_t i = 0; i < c.properties.size(); ++i) {
        const DeclaredProperty& p = c.properties[i];
        if (covered[i])
            continue;
        if (p.has_default && p.collection == Collection::single && p.type != Type::link)
            bound.push_back(
                {&p, writer_.properties[index][i], default_column(c, p, rows), Given::as_default});
        else if (p.has_default)
            raise_python("IllegalOperationError",
                         "'" + c.name + "." + p.label + "' has a default that columns cannot fill");
        else if (p.collection == Collection::single && !p.nullable)
            raise_python("MissingPropertyValueError",
                         "Missing column for property '" + c.name + "." + p.label + "'");
    }
    bool needs_python = false;
    for (const Bound& b : bound) {
        if (b.column->size() != rows)
            raise_python("InvalidArgumentError", "columns differ in length: '" + b.property->label +
                                                     "' has " + std::to_string(b.column->size()) +
                                                     ", '" + bound[0].property->label + "' has " +
                                                     std::to_string(rows));
        needs_python |= b.column->needs_python();
    }
    const std::size_t end = first + std::min(limit, rows - std::min(first, rows));
    // Updates come in declaration order, the key's column apart.
    std::sort(bound.begin(), bound.end(),
              [](const Bound& a, const Bound& b) { return a.property < b.property; });
    const DeclaredProperty& key_property = c.properties[static_cast<std::size_t>(c.key)];
    std::vector<Scalar> values(actual.properties.size());
    std::vector<Given> given(actual.properties.size(), Given::no);
    for (const Bound& b : bound)
        if (b.property != &key_property)
            given[b.at] = b.given;

    WriteTransaction::Step step(transaction());
    auto insert_all = [&] {
        for (std::size_t row = first; row < end; ++row) {
            Key key;
            for (Bound& b : bound) {
                const Scalar scalar = b.column->at(row);
                if (scalar.type == Type::null && !b.property->nullable)
                    null_in_column(c, *b.property, row);
                if (b.property == &key_property)
                    key = key_from(scalar);
                else
                    values[b.at] = scalar;
            }
            if (!transaction_->create(actual, key, values, given))
                raise(ErrorKind::object_exists,
                      "Attempting to create an object of type '" + c.name +
                          "' with an existing primary key value '" + model::to_text(key) + "'.");
            if (row % 1024 == 1023)
                for (Bound& b : bound)
                    b.column->forget();
        }
    };
    if (needs_python) {
        insert_all();
    } else {
        py::gil_scoped_release release;
        insert_all();
    }
    step.keep();
    return end - std::min(first, end);
}

} // namespace realmsync::bindings
