// RealmHandle's objects of a class: finding, counting, reading their properties, creating one.
#include <pybind11/pybind11.h>

#include <optional>

#include "bindings/realm/object_writer.hpp"
#include "bindings/realm/place.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

Key RealmHandle::key_of(int cls, py::handle key, Scratch& scratch) const {
    const DeclaredClass& c = declared(cls);
    if (c.key < 0)
        return to_key(key, Type::global_key, Where{c.name, kNoProperty}, scratch);
    const DeclaredProperty& p = c.properties[static_cast<std::size_t>(c.key)];
    return to_key(key, p.type, Where{c.name, p.label}, scratch);
}

// A transaction is asked for what it has pending, which need not be written for that, unless links
// are to be hidden: the tables know how.
Seen RealmHandle::see(int cls, const Key& key, int property, bool parts) {
    require_usable();
    if (in_transaction()) {
        const Resolved& resolved = writing_schema();
        const auto c = static_cast<std::size_t>(cls);
        const model::Class* actual = resolved.classes[c];
        const std::size_t at = actual ? resolved.properties[c][static_cast<std::size_t>(property)]
                                      : model::Class::npos;
        if (actual && !transaction_->has_hidden(*actual, key, at))
            return {resolved.schema.get(), &actual->properties[at],
                    transaction_->peek(*actual, key, at), nullptr};
    }
    auto held = read(cls, key, property, parts);
    const model::Value* value = held->value ? &*held->value : nullptr;
    return {held->schema.get(), held->property, value, std::move(held)};
}

std::shared_ptr<const ReadValue> RealmHandle::read(int cls, const Key& key, int property,
                                                   bool parts) {
    const auto c = static_cast<std::size_t>(cls);
    const auto number = static_cast<std::size_t>(property);
    const DeclaredProperty& p = declared(cls).properties[number];
    const bool compound = p.collection != Collection::single || p.embedded;
    // Reading a scalar costs no look at the data version.
    const bool ours = !transaction_ || in_transaction();
    const bool remember = ours && changing_ == 0 && (parts || compound);
    const auto recent =
        ours && (compound || p.type == kMixed) ? recent_.find(cls, key, property) : nullptr;
    auto result = with_tables([&](tables::Tables& tables, const Resolved& resolved) {
        // Before the value: a commit between the two makes the value seem older than it is.
        const std::int64_t version =
            recent || remember ? tables.db().integer("PRAGMA data_version").value_or(0) : 0;
        if (recent && recent->schema == resolved.schema && recent->data_version == version)
            return recent;
        auto fresh = std::make_shared<ReadValue>(ReadValue{resolved.schema, version});
        if (const model::Class* actual = resolved.classes[c]) {
            const std::size_t at = resolved.properties[c][number];
            fresh->property = &actual->properties[at];
            fresh->value = tables.read(tables::kOnlyPartition, *resolved.schema, *actual, key, at);
        }
        return std::shared_ptr<const ReadValue>(std::move(fresh));
    });
    if (remember && result != recent)
        recent_.remember(cls, key, property, result);
    return result;
}

bool RealmHandle::exists(int cls, const Key& key) {
    const auto index = static_cast<std::size_t>(cls);
    if (in_transaction()) { // without writing what is pending
        const model::Class* c = writing_schema().classes[index];
        return c && transaction_->exists(*c, key);
    }
    return with_tables([&](tables::Tables& tables, const Resolved& resolved) {
        const model::Class* c = resolved.classes[index];
        return c && tables.exists(tables::kOnlyPartition, *c, key);
    });
}

py::object RealmHandle::accessor(int cls, py::object key) {
    return make_object(Place(shared_from_this(), cls, std::move(key)));
}

py::object RealmHandle::find(int cls, py::object key) {
    Place place(shared_from_this(), cls, std::move(key));
    if (!exists(cls, place.native_key()))
        return py::none();
    return make_object(std::move(place));
}

std::uint64_t RealmHandle::count(int cls) {
    return with_tables([&](tables::Tables& tables, const Resolved& resolved) -> std::uint64_t {
        const model::Class* c = resolved.classes[static_cast<std::size_t>(cls)];
        return c ? tables.count(tables::kOnlyPartition, *c) : 0;
    });
}

py::list RealmHandle::keys(int cls, py::object after, std::size_t limit) {
    Scratch scratch;
    std::optional<Key> start;
    if (!after.is(py::ellipsis()))
        start = key_of(cls, after, scratch);
    const auto keys = with_tables([&](tables::Tables& tables, const Resolved& resolved) {
        const model::Class* c = resolved.classes[static_cast<std::size_t>(cls)];
        return c ? tables.keys(tables::kOnlyPartition, *c, start ? &*start : nullptr, limit)
                 : std::vector<model::ObjectKey>();
    });
    py::list result(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i)
        result[i] = from_key(keys[i].view());
    return result;
}

py::object RealmHandle::create(int cls, py::object values, OnExisting on_existing) {
    const py::dict given = to_mapping(values, Where{declared(cls).name, kNoProperty});
    return accessor(cls, ObjectWriter(*this, on_existing).create(cls, given, false));
}

py::object RealmHandle::make_object(Place place) const {
    const int cls = place.object_class();
    return make_object_(realm_(), cls, std::move(place));
}

py::object RealmHandle::make_collection(Collection kind, Place place) const {
    return make_collection_(realm_(), static_cast<int>(kind), std::move(place));
}

py::object RealmHandle::make_link(const model::Link& link) {
    const auto found = by_name_.find(link.table);
    if (found == by_name_.end())
        return py::none();
    return accessor(found->second, from_key(link.key.view()));
}

} // namespace realmsync::bindings
