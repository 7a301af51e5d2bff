// RealmHandle's bulk path: rows from an iterable of mappings, or from columns. The values go
// straight into a prepared INSERT and into the changeset.
#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "bindings/realm/object_writer.hpp"
#include "bindings/values/columns.hpp"
#include "bindings/values/without_gil.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using realm::WriteTransaction;
using Given = WriteTransaction::Given;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kBatch = 1024; // rows until what they have borrowed is let go

// Between the rows of a load: lets signals in, and tells when its time is over.
class Pace {
  public:
    explicit Pace(std::optional<double> time) {
        if (time)
            end_ = looked_ + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(*time));
    }
    // After every row, with the GIL or without. Throws what handlers of signals raise.
    bool is_over() {
        if (++rows_ % 16 != 0)
            return false;
        const Clock::time_point now = Clock::now();
        if (now - looked_ >= std::chrono::milliseconds(50)) {
            looked_ = now;
            let_signals_in();
        }
        return now >= end_;
    }
    // At the end, too: what came meanwhile belongs to the load.
    static void let_signals_in() {
        py::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0)
            throw py::error_already_set();
    }

  private:
    std::size_t rows_ = 0;
    Clock::time_point looked_ = Clock::now();
    Clock::time_point end_ = Clock::time_point::max();
};

} // namespace

std::pair<std::size_t, bool> RealmHandle::create_rows(int cls, py::iterator rows, std::size_t limit,
                                                      OnExisting on_existing,
                                                      std::optional<double> time) {
    const std::string& name = declared(cls).name;
    ObjectWriter writer(*this, on_existing);
    WriteTransaction::Undo undo(writer.transaction());
    Pace pace(time);
    std::size_t count = 0;
    bool finished = false;
    while (count < limit) {
        auto row = py::reinterpret_steal<py::object>(PyIter_Next(rows.ptr()));
        if (!row) {
            if (PyErr_Occurred())
                throw py::error_already_set();
            finished = true;
            break;
        }
        writer.create(cls, to_mapping(row, Where{name, kNoProperty}), true);
        writer.forget();
        if (++count % kBatch == 0 && on_existing != OnExisting::refuse)
            writer.transaction().flush_pending();
        if (pace.is_over())
            break;
    }
    Pace::let_signals_in();
    undo.keep();
    return {count, finished};
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
                 const py::list& columns, OnExisting on_existing)
        : cls_(cls), properties_(properties), on_existing_(on_existing),
          covered_(cls.properties.size()) {
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
        if (!missing_.empty() && (on_existing == OnExisting::refuse || !covers_key()))
            lacks_column();
        // Updates come in declaration order, the key's column apart.
        std::sort(bound_.begin(), bound_.end(),
                  [](const Bound& a, const Bound& b) { return a.property < b.property; });
    }

    std::size_t rows() const { return rows_; }
    bool need_python() const {
        return std::any_of(bound_.begin(), bound_.end(),
                           [](const Bound& b) { return b.column->needs_python(); });
    }
    // Writes the rows from `first` up to `end` or until their time is over. Where it ended.
    std::size_t write(WriteTransaction& transaction, const model::Class& actual, std::size_t first,
                      std::size_t end, Pace pace);
    // The same by way of mappings, for what an INSERT of scalars cannot: classes without primary
    // key, collections, links and embedded objects.
    bool need_objects() const { return need_objects_; }
    std::size_t create(ObjectWriter& writer, int cls, std::size_t first, std::size_t end,
                       Pace pace);

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
    bool covers_key() const { return cls_.key < 0 || covered_[static_cast<std::size_t>(cls_.key)]; }
    [[noreturn]] void lacks_column() const {
        py::gil_scoped_acquire acquire;
        raise_python("MissingPropertyValueError", missing_);
    }
    void check_lengths() const;
    Key read_row(std::size_t row, std::vector<Scalar>& values);
    void update(WriteTransaction& transaction, const model::Class& actual, const Key& key,
                const std::vector<Scalar>& values);
    void forget(WriteTransaction& transaction);

    const DeclaredClass& cls_;
    const std::vector<std::size_t>& properties_;
    OnExisting on_existing_;
    std::vector<bool> covered_;
    std::string missing_; // what new objects lack; existing ones may do without
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
    else if (p.collection == Collection::single && !p.nullable && missing_.empty())
        missing_ = "Missing column for property " + name_of(p);
}

void BoundColumns::check_lengths() const {
    for (const Bound& b : bound_)
        if (b.column->size() != rows_)
            raise_python("InvalidArgumentError", "columns differ in length: '" + b.property->label +
                                                     "' has " + std::to_string(b.column->size()) +
                                                     ", '" + bound_[0].property->label + "' has " +
                                                     std::to_string(rows_));
}

Key BoundColumns::read_row(std::size_t row, std::vector<Scalar>& values) {
    const DeclaredProperty* const key_column = &key_property();
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
    return key;
}

std::size_t BoundColumns::write(WriteTransaction& transaction, const model::Class& actual,
                                std::size_t first, std::size_t end, Pace pace) {
    std::vector<Scalar> values(actual.properties.size());
    std::vector<Given> given(actual.properties.size(), Given::no);
    for (const Bound& b : bound_)
        if (b.property != &key_property())
            given[b.at] = b.given;
    for (std::size_t row = first; row < end; ++row) {
        const Key key = read_row(row, values);
        if (on_existing_ != OnExisting::refuse && transaction.exists(actual, key)) {
            update(transaction, actual, key, values);
        } else {
            if (!missing_.empty())
                lacks_column();
            if (!transaction.create(actual, key, values, given))
                key_is_taken(cls_.name, key);
        }
        if (row % kBatch == kBatch - 1)
            forget(transaction);
        if (pace.is_over())
            return row + 1;
    }
    return end;
}

// The given columns of an object that exists.
void BoundColumns::update(WriteTransaction& transaction, const model::Class& actual, const Key& key,
                          const std::vector<Scalar>& values) {
    const bool only_changed = on_existing_ == OnExisting::update_changed;
    for (const Bound& b : bound_) {
        if (b.property == &key_property() || b.given != Given::yes)
            continue;
        const tables::Target target{&actual, key, b.at, {}};
        const Scalar& value = values[b.at];
        const bool is_null = value.type == Type::null;
        if (only_changed || b.property->is_counter) {
            const model::Value& old = *transaction.peek(target).value;
            if (only_changed && (is_null ? old.is_null() : is_unchanged(old, value)))
                continue;
            if (b.property->is_counter)
                require_assignable(*b.property, old, is_null, {cls_.name, b.property->label});
        }
        transaction.set(target, value);
    }
}

void BoundColumns::forget(WriteTransaction& transaction) {
    if (on_existing_ != OnExisting::refuse)
        transaction.flush_pending();
    for (Bound& b : bound_)
        b.column->forget();
}

std::size_t BoundColumns::create(ObjectWriter& writer, int cls, std::size_t first, std::size_t end,
                                 Pace pace) {
    for (std::size_t row = first; row < end; ++row) {
        py::dict values;
        for (Bound& b : bound_) {
            if (on_existing_ != OnExisting::refuse && b.given != Given::yes)
                continue; // create() itself gives new objects their defaults
            values[b.property->attribute] = b.column->object_at(row);
            b.column->forget();
        }
        writer.create(cls, values, true);
        writer.forget();
        if (pace.is_over())
            return row + 1;
    }
    return end;
}

} // namespace

std::pair<std::size_t, bool> RealmHandle::create_columns(int cls, py::list columns,
                                                         std::size_t first, std::size_t limit,
                                                         OnExisting on_existing,
                                                         std::optional<double> time) {
    Change change(*this);
    const DeclaredClass& c = declared(cls);
    const auto index = static_cast<std::size_t>(cls);
    const model::Class& actual = *writing_schema().classes[index];
    require_top_level(c);
    BoundColumns bound(c, writer_.properties[index], columns, on_existing);
    first = std::min(first, bound.rows());
    std::size_t end = first + std::min(limit, bound.rows() - first);
    WriteTransaction::Undo undo(change.transaction());
    const Pace pace(time);
    if (bound.need_objects()) {
        ObjectWriter writer(*this, on_existing);
        end = bound.create(writer, cls, first, end, pace);
    } else if (bound.need_python()) {
        end = bound.write(change.transaction(), actual, first, end, pace);
    } else {
        WithoutGil release;
        end = bound.write(change.transaction(), actual, first, end, pace);
    }
    Pace::let_signals_in();
    undo.keep();
    return {end - first, end == bound.rows()};
}

} // namespace realmsync::bindings
