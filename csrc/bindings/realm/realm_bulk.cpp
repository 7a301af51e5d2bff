// RealmHandle's bulk path: rows from an iterable of mappings, or from columns. The values go
// straight into a prepared INSERT and into the changeset.
#include <pybind11/pybind11.h>

#include <algorithm>

#include "bindings/realm/object_writer.hpp"
#include "bindings/values/columns.hpp"
#include "bindings/values/without_gil.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using realm::WriteTransaction;
using Given = WriteTransaction::Given;

std::size_t RealmHandle::create_rows(int cls, py::iterable rows) {
    const std::string& name = declared(cls).name;
    ObjectWriter writer(*this);
    WriteTransaction::Undo undo(writer.transaction());
    std::size_t count = 0;
    for (py::handle row : rows) {
        writer.create(cls, to_mapping(row, Where{name, kNoProperty}), true);
        writer.forget();
        ++count;
    }
    undo.keep();
    return count;
}

namespace {

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

// The columns of one insert, each with the property that it fills: those given, and the defaults
// of properties without a column.
class BoundColumns {
  public:
    // `properties`: by number, the index in the file's class.
    BoundColumns(const DeclaredClass& cls, const std::vector<std::size_t>& properties,
                 const py::list& columns)
        : cls_(cls), properties_(properties), covered_(cls.properties.size()) {
        need_objects_ = cls.key < 0;
        for (py::handle item : columns)
            add_given(py::reinterpret_borrow<py::tuple>(item));
        rows_ = bound_.empty() ? 0 : bound_[0].column->size();
        for (std::size_t i = 0; i < cls.properties.size(); ++i) {
            need_objects_ |=
                !covered_[i] && cls.properties[i].has_default && is_compound(cls.properties[i]);
        }
        for (std::size_t i = 0; i < cls.properties.size() && !need_objects_; ++i)
            if (!covered_[i])
                add_default(i);
        check_lengths();
        // Updates come in declaration order, the key's column apart.
        std::sort(bound_.begin(), bound_.end(),
                  [](const Bound& a, const Bound& b) { return a.property < b.property; });
    }

    std::size_t rows() const { return rows_; }
    bool need_python() const {
        return std::any_of(bound_.begin(), bound_.end(),
                           [](const Bound& b) { return b.column->needs_python(); });
    }
    // Inserts the rows from `first` up to `end`.
    void insert(WriteTransaction& transaction, const model::Class& actual, std::size_t first,
                std::size_t end);
    // The same by way of mappings, for what an INSERT of scalars cannot: classes without primary
    // key, collections, links and embedded objects.
    bool need_objects() const { return need_objects_; }
    void create(ObjectWriter& writer, int cls, std::size_t first, std::size_t end);

  private:
    struct Bound {
        const DeclaredProperty* property;
        std::size_t at; // property index in the file's class
        std::unique_ptr<Column> column;
        Given given = Given::yes;
    };

    const DeclaredProperty& key_property() const {
        return cls_.properties[static_cast<std::size_t>(cls_.key)];
    }
    std::string name_of(const DeclaredProperty& p) const {
        return "'" + cls_.name + "." + p.label + "'";
    }
    void add_given(const py::tuple& entry);
    void add_default(std::size_t number);
    void check_lengths() const;

    const DeclaredClass& cls_;
    const std::vector<std::size_t>& properties_;
    std::vector<bool> covered_;
    std::vector<Bound> bound_;
    std::size_t rows_ = 0;
    bool need_objects_ = false;
};

void BoundColumns::add_given(const py::tuple& entry) {
    const auto number = entry[0].cast<std::size_t>();
    const DeclaredProperty& p = cls_.properties.at(number);
    need_objects_ |= is_compound(p);
    covered_[number] = true;
    std::unique_ptr<Column> column =
        entry.size() == 2
            ? arrow_column(cls_, p, entry[1])
            : python_column(cls_, p, entry[1], entry[2], entry[3].cast<std::int64_t>());
    bound_.push_back({&p, properties_[number], std::move(column)});
}

void BoundColumns::add_default(std::size_t number) {
    const DeclaredProperty& p = cls_.properties[number];
    if (p.has_default)
        bound_.push_back(
            {&p, properties_[number], default_column(cls_, p, rows_), Given::as_default});
    else if (p.collection == Collection::single && !p.nullable)
        raise_python("MissingPropertyValueError", "Missing column for property " + name_of(p));
}

void BoundColumns::check_lengths() const {
    for (const Bound& b : bound_)
        if (b.column->size() != rows_)
            raise_python("InvalidArgumentError", "columns differ in length: '" + b.property->label +
                                                     "' has " + std::to_string(b.column->size()) +
                                                     ", '" + bound_[0].property->label + "' has " +
                                                     std::to_string(rows_));
}

void BoundColumns::insert(WriteTransaction& transaction, const model::Class& actual,
                          std::size_t first, std::size_t end) {
    const DeclaredProperty* const key_column = &key_property();
    std::vector<Scalar> values(actual.properties.size());
    std::vector<Given> given(actual.properties.size(), Given::no);
    for (const Bound& b : bound_)
        if (b.property != key_column)
            given[b.at] = b.given;
    for (std::size_t row = first; row < end; ++row) {
        Key key;
        for (Bound& b : bound_) {
            const Scalar scalar = b.column->at(row);
            if (scalar.type == Type::null && !b.property->nullable)
                null_in_column(cls_, *b.property, row);
            if (b.property == key_column)
                key = key_from(scalar);
            else
                values[b.at] = scalar;
        }
        if (!transaction.create(actual, key, values, given))
            raise(ErrorKind::object_exists, "Attempting to create an object of type '" + cls_.name +
                                                "' with an existing primary key value '" +
                                                model::to_text(key) + "'.");
        if (row % 1024 == 1023)
            for (Bound& b : bound_)
                b.column->forget();
    }
}

void BoundColumns::create(ObjectWriter& writer, int cls, std::size_t first, std::size_t end) {
    for (std::size_t row = first; row < end; ++row) {
        py::dict values;
        for (Bound& b : bound_) {
            values[b.property->attribute] = b.column->object_at(row);
            b.column->forget();
        }
        writer.create(cls, values, true);
        writer.forget();
    }
}

} // namespace

std::size_t RealmHandle::create_columns(int cls, py::list columns, std::size_t first,
                                        std::size_t limit) {
    Change change(*this);
    const DeclaredClass& c = declared(cls);
    const auto index = static_cast<std::size_t>(cls);
    const model::Class& actual = *writing_schema().classes[index];
    if (c.kind != TableKind::top_level)
        raise_python("IllegalOperationError",
                     "Explicit creation of embedded object not allowed: '" + c.name + "'");
    BoundColumns bound(c, writer_.properties[index], columns);
    first = std::min(first, bound.rows());
    const std::size_t end = first + std::min(limit, bound.rows() - first);
    WriteTransaction::Undo undo(change.transaction());
    if (bound.need_objects()) {
        ObjectWriter writer(*this);
        bound.create(writer, cls, first, end);
    } else if (bound.need_python()) {
        bound.insert(change.transaction(), actual, first, end);
    } else {
        WithoutGil release;
        bound.insert(change.transaction(), actual, first, end);
    }
    undo.keep();
    return end - first;
}

} // namespace realmsync::bindings
