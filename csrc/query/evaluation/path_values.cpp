#include "query/evaluation/path_values.hpp"

#include <algorithm>
#include <functional>

#include "query/evaluation/aggregates.hpp"
#include "query/evaluation/sizes.hpp"

namespace realmsync::query {

namespace {

constexpr std::uint64_t kKept = 16;      // steps for one value that is held in memory
constexpr std::uint64_t kAggregated = 4; // steps for one value: decimals are slow

std::size_t route_length(const Path& path) {
    return path.hops.size() - (path.end_kind == Path::End::object ? 1 : 0);
}

// d.k and d.k.l name one value, and no collection within.
bool has_only_keys(const Path& path) {
    return !path.elements.empty() &&
           std::all_of(path.elements.begin(), path.elements.end(),
                       [](const Element& e) { return e.kind == Element::Kind::key; });
}

} // namespace

std::uint32_t type_mask(Type type) {
    switch (type) {
    case Type::null: return 0x1;
    case Type::integer: return 0x2;
    case Type::float64: return 0x4;
    case Type::float32: return 0x8;
    case Type::boolean: return 0x10;
    case Type::timestamp: return 0x20;
    case Type::string: return 0x40;
    case Type::binary: return 0x80;
    case Type::uuid: return 0x100;
    case Type::object_id: return 0x200;
    case Type::decimal: return 0x400;
    case Type::link: return 0x800;
    case Type::dictionary: return 0x1000;
    case Type::list:
    case Type::set: return 0x2000;
    default: return 0;
    }
}

PathValues::PathValues(const Path& path, const model::Schema& schema, Repeats repeats)
    : path_(path), schema_(schema), elements_(path, schema), route_(path, route_length(path)),
      is_column_(path.is_column()), repeats_(repeats) {
    if (is_of_objects()) {
        members_ = path.hops.back();
        has_members_ = true;
    } else if (path.end_kind == Path::End::property && path.definition().type == Type::link) {
        members_ = {path.cls, path.property, false, schema.find(path.definition().target)};
        has_members_ = members_.target != nullptr;
    }
    const bool is_many = is_collection() || !path.elements.empty();
    const bool is_reduced = path.ending == Ending::size || is_aggregate();
    is_grouped_ = !route_.is_single() && is_many && !has_only_keys(path) && !is_reduced;
}

void PathValues::gather(const Image& object, Run& run, Values& out) const {
    // Of an object that is met again, every value takes memory again.
    const std::uint64_t steps = repeats_ == Repeats::kept && !route_.is_single() ? kKept : 0;
    each(
        object, run,
        [&](const ValueView& value) {
            run.spend(steps);
            out.add(value);
        },
        [&] { out.end_group(); });
}

bool PathValues::single(const Image& object, Run& run, ValueView& out) const {
    if (is_column_ && !has_members_) {
        out = ValueView(value_of(object, path_.property));
        return true;
    }
    bool is_there = false;
    each(
        object, run,
        [&](const ValueView& value) {
            out = value;
            is_there = true;
        },
        [] {});
    return is_there;
}

void PathValues::each(const Image& object, Run& run, Visit visit,
                      Callable<void()> end_group) const {
    if (is_aggregate() && !is_collection()) {
        visit(aggregate(object, run));
        end_group();
        return;
    }
    bool is_reached = false;
    auto take = [&](const Image& end) {
        is_reached = true;
        each_of_end(end, run, visit);
        if (is_grouped_)
            end_group();
        return true;
    };
    if (repeats_ == Repeats::kept)
        route_.each(object, run, take);
    else
        route_.each_once(object, run, [&](const Image& end, std::int64_t) { return take(end); });
    if (!is_reached && route_.is_single())
        each_missing(visit);
    if (!is_reached || !is_grouped_)
        end_group();
}

// Over a property of all objects that the hops lead to.
ValueView PathValues::aggregate(const Image& object, Run& run) const {
    Aggregate aggregate(path_.ending, path_.definition().type);
    auto add = [&](const Image& end) {
        run.spend(kAggregated);
        aggregate.add(ValueView(value_of(end, path_.property)));
        return true;
    };
    if (path_.ending == Ending::min || path_.ending == Ending::max)
        route_.each_once(object, run, [&](const Image& end, std::int64_t) { return add(end); });
    else
        route_.each(object, run, add);
    return aggregate.result();
}

void PathValues::each_of_end(const Image& end, Run& run, Visit visit) const {
    switch (path_.ending) {
    case Ending::value: each_stored(end, run, visit); return;
    case Ending::size: each_size(end, run, visit); return;
    case Ending::length:
        each_stored(end, run, [&](const ValueView& value) { visit(length_of(value)); });
        return;
    case Ending::type:
        each_stored(end, run, [&](const ValueView& value) {
            visit(ValueView(static_cast<std::int64_t>(type_mask(value.type()))));
        });
        return;
    default: break;
    }
    // A dictionary of any type counts as one of Mixed. As with sizes, [n] and ['k'] say nothing.
    const model::Property& property = path_.definition();
    const bool is_dictionary = property.collection == Collection::dictionary;
    Aggregate aggregate(path_.ending, is_dictionary ? kMixed : property.type);
    each_member(value_of(end, path_.property), {}, [&](const model::Value& value) {
        run.spend(1);
        aggregate.add(ValueView(value));
        return true;
    });
    visit(aggregate.result());
}

void PathValues::each_stored(const Image& end, Run& run, Visit visit) const {
    if (has_members_) {
        each_member_link(end, run, visit);
        return;
    }
    const model::Value& value = value_of(end, path_.property);
    if (path_.elements.empty() && !is_collection())
        visit(ValueView(value));
    else
        elements_.each(value, run, visit);
}

// Links and embedded objects as values. Null and dangling links are null, where there is one value
// for an object or an entry of a dictionary; among many, they are not there.
void PathValues::each_member_link(const Image& end, Run& run, Visit visit) const {
    if (members_.backward) {
        auto add = [&](const Image& source) {
            run.spend(Run::kLink);
            visit(ValueView(source));
            return true;
        };
        run.sources(*members_.cls, members_.property, end, std::ref(add));
        return;
    }
    const Collection collection = members_.definition().collection;
    const bool skips_null = collection == Collection::single ? !route_.is_single()
                            : is_of_objects()                ? true
                                                             : collection != Collection::dictionary;
    auto add = [&](const ValueView& value) {
        run.spend(1);
        const bool is_there =
            value.type() != Type::link || run.target(*members_.target, value.link_key()) != nullptr;
        if (is_there && !value.is_null())
            visit(value);
        else if (!skips_null)
            visit(ValueView());
    };
    const model::Value& value = value_of(end, members_.property);
    if (is_of_objects()) {
        const auto& chosen = path_.hop_elements;
        each_member(value, chosen.empty() ? std::span<const Element>() : chosen.back(),
                    [&](const model::Value& member) {
                        add(ValueView(member));
                        return true;
                    });
    } else if (collection == Collection::single) {
        add(ValueView(value));
    } else {
        elements_.each(value, run, add);
    }
}

void PathValues::each_size(const Image& end, Run& run, Visit visit) const {
    if (path_.end_kind == Path::End::backlink_total) {
        visit(ValueView(count_backlinks(schema_, end, run)));
    } else if (has_members_ && !has_choice()) {
        const bool counts_dangling = !route_.is_empty();
        visit(ValueView(count_members(members_, end, run, counts_dangling)));
    } else if (has_members_) { // a choice is ignored, but then entries count, whatever they hold
        visit(size_of(ValueView(value_of(end, members_.property))));
    } else if (is_collection() || path_.elements.empty()) {
        visit(size_of(ValueView(value_of(end, path_.property))));
    } else {
        each_stored(end, run, [&](const ValueView& value) { visit(size_of(value)); });
    }
}

// What the path gives where a single link on its way is null or dangling (9, 11.3).
void PathValues::each_missing(Visit visit) const {
    const bool is_plain = !is_collection() && path_.elements.empty();
    switch (path_.ending) {
    case Ending::value:
        if (is_of_objects() ? !members_.is_multiple() : is_plain)
            visit(ValueView());
        return;
    case Ending::size:
        if (path_.end_kind == Path::End::backlink_total || (is_collection() && !has_members_))
            visit(ValueView(std::int64_t{0}));
        else if (is_plain && !has_members_)
            visit(ValueView());
        return;
    case Ending::type:
        if (is_plain)
            visit(ValueView(static_cast<std::int64_t>(type_mask(Type::null))));
        return;
    case Ending::length: return;
    default: visit(Aggregate(path_.ending, path_.definition().type).result()); return;
    }
}

} // namespace realmsync::query
