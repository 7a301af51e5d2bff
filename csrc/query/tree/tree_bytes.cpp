#include "query/tree/tree_bytes.hpp"

#include <bit>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace realmsync::query {

namespace {

// Every part is told from the next: texts and lists say their length, alternatives their number.
class Writer {
  public:
    std::string take() { return std::move(bytes_); }

    void write(const Query& query) {
        write(query.cls->name);
        for (const Query* stage = &query; stage != nullptr; stage = stage->of.get()) {
            write(*stage->predicate);
            write(stage->clauses);
            write(stage->of != nullptr);
        }
    }

    void write(const Predicate& predicate) { write_variant(predicate.of); }

    void write(const Operand& operand) {
        write_variant(operand.of);
        write(operand.quantifier);
    }

    void write(const Path& path) {
        write_number(path.hops.size());
        for (std::size_t i = 0; i < path.hops.size(); ++i) {
            const Hop& hop = path.hops[i];
            write(hop.backward);
            if (hop.backward)
                write(hop.cls->name);
            write(hop.definition().name);
            write(path.hop_elements[i]);
        }
        write(path.end_kind);
        if (path.end_kind == Path::End::property) {
            write(path.definition().name);
            write(path.elements);
        }
        write(path.ending);
    }

    void write(const Constant& constant) {
        write(constant.value);
        write_number(constant.type_mask);
    }

  private:
    void write_number(std::uint64_t number) {
        for (int shift = 56; shift >= 0; shift -= 8)
            bytes_ += static_cast<char>(number >> shift & 0xff);
    }
    void write(std::string_view text) {
        write_number(text.size());
        bytes_ += text;
    }
    void write(const std::string& text) { write(std::string_view(text)); }
    void write(std::same_as<bool> auto flag) { bytes_ += flag ? '\1' : '\0'; }
    template <class Word>
        requires std::is_enum_v<Word>
    void write(Word word) {
        bytes_ += static_cast<char>(word);
    }
    template <class Item> void write(const std::vector<Item>& items) {
        write_number(items.size());
        for (const Item& item : items)
            write(item);
    }
    template <class... Kinds> void write_variant(const std::variant<Kinds...>& kinds) {
        bytes_ += static_cast<char>(kinds.index());
        std::visit([this](const auto& kind) { write(kind); }, kinds);
    }

    void write(const PredicatePtr& predicate) { write(*predicate); }
    void write(const Truth& truth) { write(truth.value); }
    void write(const Comparison& comparison) {
        write(comparison.op);
        write(comparison.ignore_case);
        write(comparison.meeting);
        write(comparison.left);
        write(comparison.right);
    }
    void write(const Membership& membership) {
        write(membership.path);
        write(membership.items);
    }
    void write(const Between& between) {
        write(between.path);
        write(between.quantifier);
        write(between.low);
        write(between.high);
    }
    void write(const GeoWithin& geo) {
        write(geo.path);
        write(geo.quantifier);
        write_variant(geo.region);
    }
    void write(const TextMatch& match) {
        write(match.path);
        write(match.search.included);
        write(match.search.excluded);
        write(match.search.prefixes);
    }
    void write(const Not& negation) { write(*negation.of); }
    void write(const Group& group) {
        write(group.conjunction);
        write(group.is_left_nested);
        write(group.members);
    }

    void write(const Clause& clause) { write_variant(clause); }
    void write(const Sort& sort) { write(sort.keys); }
    void write(const SortKey& key) {
        write(key.path);
        write(key.ascending);
    }
    void write(const Distinct& distinct) { write(distinct.paths); }
    void write(const Limit& limit) { write_number(limit.count); }

    void write(const ConstantList& list) { write(list.items); }
    void write(const PathOperand& operand) { write(operand.path); }
    void write(const SubqueryCount& count) {
        write(count.path);
        write(*count.predicate);
    }
    void write(const Arithmetic& arithmetic) {
        bytes_ += arithmetic.op;
        write(*arithmetic.left);
        write(*arithmetic.right);
    }
    void write(const Element& element) {
        write(element.kind);
        write_number(element.index);
        write(element.key);
    }

    void write(const GeoPoint& point) {
        write(point.longitude);
        write(point.latitude);
        write(point.has_altitude);
        write(point.altitude);
    }
    void write(const GeoCircle& circle) {
        write(circle.center);
        write(circle.radius);
    }
    void write(const GeoBox& box) {
        write(box.low);
        write(box.high);
    }
    void write(const GeoPolygon& polygon) { write(polygon.rings); }

    void write(const model::Value& value) {
        write(value.type());
        std::visit([this](const auto& data) { write(data); }, value.data);
    }
    void write(std::monostate) {}
    void write(std::int64_t number) { write_number(static_cast<std::uint64_t>(number)); }
    void write(double number) { write_number(std::bit_cast<std::uint64_t>(number)); }
    void write(float number) { write_number(std::bit_cast<std::uint32_t>(number)); }
    void write(const model::Binary& binary) { write(binary.bytes); }
    void write(const Timestamp& time) {
        write(time.seconds);
        write(std::int64_t{time.nanoseconds});
    }
    void write(const Decimal128& decimal) {
        write_number(decimal.high);
        write_number(decimal.low);
    }
    template <std::size_t N> void write_bytes(const std::array<std::uint8_t, N>& bytes) {
        write(std::string_view(reinterpret_cast<const char*>(bytes.data()), N));
    }
    void write(const ObjectId& id) { write_bytes(id.bytes); }
    void write(const Uuid& id) { write_bytes(id.bytes); }
    void write(const std::unique_ptr<model::Link>& link) {
        const Key key = link->key.view();
        write(link->table);
        write(key.type);
        if (key.type == Type::global_key) {
            write_number(key.global.hi);
            write_number(key.global.lo);
        } else {
            write(model::Value(model::key_scalar(key)));
        }
    }
    // No constant holds a collection or an embedded object.
    template <class Container> void write(const std::unique_ptr<Container>&) {}

    std::string bytes_;
};

template <class Part> std::string bytes_of(const Part& part) {
    Writer writer;
    writer.write(part);
    return writer.take();
}

} // namespace

std::string tree_bytes(const Predicate& predicate) { return bytes_of(predicate); }
std::string tree_bytes(const Operand& operand) { return bytes_of(operand); }
std::string tree_bytes(const Path& path) { return bytes_of(path); }
std::string tree_bytes(const Constant& constant) { return bytes_of(constant); }
std::string tree_bytes(const Query& query) { return bytes_of(query); }

} // namespace realmsync::query
