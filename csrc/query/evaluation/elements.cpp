#include "query/evaluation/elements.hpp"

#include <algorithm>

#include "query/evaluation/route.hpp"
#include "query/evaluation/sizes.hpp"

namespace realmsync::query {

struct Elements::Walk {
    Run& run;
    Callable<void(const ValueView&)> visit;
};

Elements::Elements(const Path& path, const model::Schema& schema)
    : elements_(path.elements), schema_(&schema),
      is_list_(path.end_kind == Path::End::property &&
               path.definition().collection == Collection::list) {}

void Elements::each(const model::Value& value, Run& run,
                    Callable<void(const ValueView&)> visit) const {
    const Walk walk{run, visit};
    if (elements_.empty())
        all(value, 0, walk); // a collection without further words is its elements
    else
        pick(value, 0, walk);
}

void Elements::all(const model::Value& value, std::size_t depth, const Walk& walk) const {
    if (value.is_container())
        walk.run.spend(static_cast<std::uint64_t>(size_of(ValueView(value)).integer()) / 4);
    if (const model::List* list = value.list()) {
        for (const model::Value& item : list->items)
            pick(item, depth, walk);
    } else if (const model::Set* set = value.set()) {
        for (const model::Value& item : set->items)
            pick(item, depth, walk);
    } else if (const model::Dictionary* dictionary = value.dictionary()) {
        for (const auto& item : dictionary->items)
            pick(item.second, depth, walk);
    }
}

// As deep as values nest: each step goes one level down, or to another object by a link, and there
// are no more of them than a path has elements, which the binder bounds.
void Elements::pick(const model::Value& value, std::size_t depth, const Walk& walk) const {
    if (depth >= elements_.size()) {
        walk.visit(ValueView(value));
        return;
    }
    switch (elements_[depth].kind) {
    case Element::Kind::all:
    case Element::Kind::values: all(value, depth + 1, walk); break;
    case Element::Kind::keys:
        if (const model::Dictionary* dictionary = value.dictionary()) {
            for (const auto& item : dictionary->items)
                walk.visit(ValueView(std::string_view(item.first)));
        }
        break;
    case Element::Kind::key: by_key(value, depth, walk); break;
    default: by_index(value, depth, walk); break;
    }
}

void Elements::by_index(const model::Value& value, std::size_t depth, const Walk& walk) const {
    const model::List* list = value.list();
    if (list == nullptr || list->items.empty())
        return;
    const Element& element = elements_[depth];
    const std::size_t last = list->items.size() - 1;
    const std::uint64_t index = element.kind == Element::Kind::index   ? element.index
                                : element.kind == Element::Kind::first ? 0
                                                                       : last;
    if (index <= last)
        pick(list->items[index], depth + 1, walk);
    else if (is_list_ && depth == 0) // a list that is not empty has null beyond its end
        pick(model::Value(), depth + 1, walk);
}

void Elements::by_key(const model::Value& value, std::size_t depth, const Walk& walk) const {
    const std::string& key = elements_[depth].key;
    if (const model::Dictionary* dictionary = value.dictionary()) {
        const auto found = dictionary->items.find(key);
        if (found != dictionary->items.end())
            pick(found->second, depth + 1, walk);
        else if (!dictionary->items.empty()) // a missing key of one that has others is null
            pick(model::Value(), depth + 1, walk);
        return;
    }
    // A link is followed: the key names a property of its target.
    const model::Link* link = value.link();
    const model::Class* cls = link == nullptr ? nullptr : schema_->find(link->table);
    if (cls == nullptr)
        return;
    const std::size_t property = cls->find(key);
    if (property == model::Class::npos)
        return;
    // Of a dangling link it is null, and what is asked of that is nothing.
    const Image* target = walk.run.target(*cls, link->key.view());
    const model::Value null;
    pick(target != nullptr ? value_of(*target, property) : null, depth + 1, walk);
}

} // namespace realmsync::query
