#include "query/evaluation/route.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <unordered_map>

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

} // namespace

std::int64_t sum_within_range(std::int64_t a, std::int64_t b) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    return a > kMost - b ? kMost : a + b;
}

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

Route::Route(const Path& path, std::size_t count) : path_(&path), count_(count) {
    const auto collections =
        std::count_if(path.hops.begin(), path.hops.begin() + static_cast<std::ptrdiff_t>(count),
                      [](const Hop& hop) { return hop.is_multiple(); });
    is_single_ = collections == 0;
    may_meet_again_ = collections > 1;
}

void Route::each(const Image& from, Run& run, Callable<bool(const Image&)> visit) const {
    descend(0, from, run, visit);
}

bool Route::descend(std::size_t hop, const Image& from, Run& run,
                    Callable<bool(const Image&)> visit) const {
    if (hop == count_)
        return visit(from);
    bool goes_on = true;
    step(hop, from, run, [&](const Image& target, const void*) {
        return goes_on = descend(hop + 1, target, run, visit);
    });
    return goes_on;
}

void Route::each_once(const Image& from, Run& run,
                      Callable<bool(const Image&, std::int64_t)> visit) const {
    if (!may_meet_again_) {
        descend(0, from, run, [&](const Image& end) { return visit(end, 1); });
        return;
    }
    struct Met {
        Image image;
        std::int64_t times;
    };
    std::vector<Met> here = {{from, 1}}, next;
    std::unordered_map<const void*, std::size_t> places; // of next
    for (std::size_t hop = 0; hop < count_; ++hop) {
        next.clear();
        places.clear();
        for (const Met& met : here)
            step(hop, met.image, run, [&](const Image& target, const void* identity) {
                const auto [place, is_new] = places.try_emplace(identity, next.size());
                if (is_new)
                    next.push_back({target, met.times});
                else
                    next[place->second].times =
                        sum_within_range(next[place->second].times, met.times);
                return true;
            });
        here.swap(next);
    }
    for (const Met& met : here)
        if (!visit(met.image, met.times))
            return;
}

void Route::step(std::size_t index, const Image& from, Run& run, Step visit) const {
    const Hop& hop = path_->hops[index];
    if (hop.backward) {
        auto take = [&](const Image& source) {
            run.spend(Run::kLink);
            return visit(source, &source);
        };
        run.sources(*hop.cls, hop.property, from, std::ref(take));
        return;
    }
    const std::span<const Element> elements = index < path_->hop_elements.size()
                                                  ? path_->hop_elements[index]
                                                  : std::span<const Element>();
    each_member(value_of(from, hop.property), elements, [&](const model::Value& value) {
        run.spend(1);
        if (const model::Embedded* embedded = value.embedded())
            return visit(
                Image{hop.target, {}, embedded->properties.data(), embedded->properties.size()},
                embedded);
        const model::Link* link = value.link();
        const Image* target = link == nullptr ? nullptr : run.target(*hop.target, link->key.view());
        return target == nullptr || visit(*target, target);
    });
}

} // namespace realmsync::query
