#include "query/route.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace realmsync::query {

namespace {

// What new objects hold, each once: references to it live as long as the program.
const model::Value& shared_zero(const model::Property& property) {
    constexpr std::size_t kKinds = 15;
    static const auto kZeros = [] {
        std::array<model::Value, kKinds> zeros;
        model::Property of;
        for (std::size_t i = 0; i < 12; ++i) {
            of.type = static_cast<Type>(i);
            zeros[i] = model::zero_value(of);
        }
        zeros[12] = model::Value::empty(Type::list);
        zeros[13] = model::Value::empty(Type::dictionary);
        zeros[14] = model::Value::empty(Type::set);
        return zeros;
    }();
    if (property.collection != Collection::single)
        return kZeros[11 + static_cast<std::size_t>(property.collection)];
    return kZeros[property.takes_null() ? 0 : static_cast<std::size_t>(property.type)];
}

// The object that a link or embedded object of a hop is. Calls `visit` if there is one.
bool visit_target(const Hop& hop, const model::Value& value, Graph& graph,
                  Callable<bool(const Image&)> visit) {
    if (const model::Embedded* embedded = value.embedded())
        return visit(
            Image{hop.target, {}, embedded->properties.data(), embedded->properties.size()});
    const model::Link* link = value.link();
    const Image* target = link == nullptr ? nullptr : graph.target(*hop.target, link->key.view());
    return target == nullptr || visit(*target);
}

} // namespace

const model::Value& value_of(const Image& object, std::size_t property) {
    const model::Value* value = object.find(property);
    return value != nullptr ? *value : shared_zero(object.cls->properties[property]);
}

void each_member(const model::Value& value, std::span<const Element> elements,
                 Callable<bool(const model::Value&)> visit) {
    const Element::Kind kind = elements.empty() ? Element::Kind::all : elements.front().kind;
    if (const model::Dictionary* dictionary = value.dictionary()) {
        if (kind == Element::Kind::key) {
            const auto found = dictionary->items.find(elements.front().key);
            if (found != dictionary->items.end())
                visit(found->second);
            return;
        }
        for (const auto& item : dictionary->items) {
            if (!visit(item.second))
                return;
        }
        return;
    }
    const model::List* list = value.list();
    const model::Set* set = value.set();
    if (list == nullptr && set == nullptr) {
        visit(value);
        return;
    }
    const auto& items = list != nullptr ? list->items : set->items;
    if (kind == Element::Kind::index || kind == Element::Kind::first ||
        kind == Element::Kind::last) {
        const std::uint64_t index = kind == Element::Kind::index   ? elements.front().index
                                    : kind == Element::Kind::first ? 0
                                                                   : items.size() - 1;
        if (index < items.size())
            visit(items[index]);
        return;
    }
    for (const model::Value& item : items) {
        if (!visit(item))
            return;
    }
}

Route::Route(const Path& path, std::size_t count)
    : path_(&path), count_(count),
      is_single_(std::none_of(path.hops.begin(),
                              path.hops.begin() + static_cast<std::ptrdiff_t>(count),
                              [](const Hop& hop) { return hop.is_multiple(); })) {}

void Route::each(const Image& from, Graph& graph, Callable<bool(const Image&)> visit) const {
    descend(0, from, graph, visit);
}

bool Route::descend(std::size_t hop_index, const Image& from, Graph& graph,
                    Callable<bool(const Image&)> visit) const {
    if (hop_index == count_)
        return visit(from);
    const Hop& hop = path_->hops[hop_index];
    bool goes_on = true;
    auto next = [&](const Image& target) {
        return goes_on = descend(hop_index + 1, target, graph, visit);
    };
    if (hop.backward) {
        graph.sources(*hop.cls, hop.property, from, std::ref(next));
        return goes_on;
    }
    const std::span<const Element> elements = hop_index < path_->hop_elements.size()
                                                  ? path_->hop_elements[hop_index]
                                                  : std::span<const Element>();
    each_member(value_of(from, hop.property), elements,
                [&](const model::Value& value) { return visit_target(hop, value, graph, next); });
    return goes_on;
}

} // namespace realmsync::query
