#include "realm/value_writer.hpp"

#include <algorithm>
#include <vector>

#include "model/place.hpp"
#include "realm/below.hpp"

namespace realmsync::realm {

namespace {

using changeset::Step;
using model::Value;

// Embedded objects are written anew.
bool is_same(const Value& a, const Value& b) {
    if (a.data.index() != b.data.index() || a.embedded())
        return false;
    if (const model::List* list = a.list())
        return std::ranges::equal(list->items, b.list()->items, is_same);
    if (const model::Dictionary* dictionary = a.dictionary())
        return std::ranges::equal(dictionary->items, b.dictionary()->items,
                                  [](const auto& x, const auto& y) {
                                      return x.first == y.first && is_same(x.second, y.second);
                                  });
    return model::compare(a, b) == 0;
}

} // namespace

Scalar head_of(const Value& value, LinkTarget& link) {
    if (!value.is_container())
        return value.view(link);
    Scalar marker;
    marker.type = value.type();
    return marker;
}

void ValueWriter::assign_list(const tables::Target& target, const model::List& list) {
    std::vector<const Value*> wanted;
    for (const Value& item : list.items)
        if (!is_dead(item))
            wanted.push_back(&item);
    const Value* present = transaction_.peek(target).value;
    if (!present || !present->list())
        return;
    const auto& items = present->list()->items;
    const std::size_t size = items.size(), both = std::min(size, wanted.size());
    std::size_t front = 0, back = 0;
    while (front < both && is_same(items[front], *wanted[front]))
        ++front;
    while (back < both - front &&
           is_same(items[size - 1 - back], *wanted[wanted.size() - 1 - back]))
        ++back;
    const std::size_t middle = both - front - back;
    LinkTarget link;
    for (std::size_t i = front; i < front + middle; ++i) {
        const Below element(target, i);
        transaction_.list_set(target, i, head_of(*wanted[i], link));
        // One that was a collection of the same type already has kept what is in it.
        if (wanted[i]->list())
            transaction_.clear(*element, Collection::list);
        else if (wanted[i]->dictionary())
            transaction_.clear(*element, Collection::dictionary);
        fill(*element, *wanted[i]);
    }
    for (std::size_t i = front + middle; i < wanted.size() - back; ++i) {
        transaction_.list_insert(target, i, head_of(*wanted[i], link));
        fill(*Below(target, i), *wanted[i]);
    }
    for (std::size_t i = size - back; i > std::max(front + middle, wanted.size() - back); --i)
        transaction_.list_erase(target, i - 1);
}

void ValueWriter::set(const tables::Target& target, const Value& value) {
    if (is_dead(value))
        return;
    LinkTarget link;
    transaction_.set(target, head_of(value, link));
    fill(target, value);
}

void ValueWriter::fill(const tables::Target& target, const Value& value) {
    LinkTarget link;
    if (const model::Embedded* embedded = value.embedded()) {
        fill(target, *embedded);
    } else if (const model::List* list = value.list()) {
        std::size_t at = 0;
        for (const Value& item : list->items) {
            if (is_dead(item))
                continue;
            transaction_.list_insert(target, at, head_of(item, link));
            fill(*Below(target, at++), item);
        }
    } else if (const model::Dictionary* dictionary = value.dictionary()) {
        for (const auto& [key, item] : dictionary->items)
            set(*Below(target, {true, 0, key}), item);
    } else if (const model::Set* elements = value.set()) {
        for (const Value& item : elements->items)
            if (!is_dead(item))
                transaction_.set_insert(target, head_of(item, link));
    }
}

// A new embedded object has zeros already.
void ValueWriter::fill(const tables::Target& target, const model::Embedded& embedded) {
    const model::Place place = transaction_.peek(target);
    const model::SchemaPtr schema = transaction_.schema();
    const model::Class* cls = place.property ? schema->find(place.property->target) : nullptr;
    const model::Class* theirs = cls ? source_.find(cls->name) : nullptr;
    if (!theirs)
        return;
    for (std::size_t i = 0; i < embedded.properties.size(); ++i) {
        const model::Property& property = theirs->properties[i];
        const Value& value = embedded.properties[i];
        if (cls->find(property.name) == model::Class::npos)
            continue;
        const Below field(target, {true, 0, property.name});
        if (property.collection != Collection::single)
            fill(*field, value);
        else if (!is_same(value, model::zero_value(property)))
            set(*field, value);
    }
}

bool ValueWriter::is_dead(const Value& value) {
    const model::Link* link = value.link();
    if (!link)
        return false;
    const model::SchemaPtr schema = transaction_.schema();
    const model::Class* cls = schema->find(link->table);
    return !cls || !transaction_.exists(*cls, link->key.view());
}

} // namespace realmsync::realm
