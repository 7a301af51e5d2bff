#include "rules/meaning.hpp"

#include <string_view>
#include <variant>

#include "query/tree/tree_bytes.hpp"
#include "rules/comparison.hpp"
#include "rules/limits.hpp"
#include "rules/nodes.hpp"
#include "rules/terms.hpp"

namespace realmsync::rules {

namespace {

using model::Value;

// Every part is told from the next: texts and lists say their length, alternatives their kind.
class Writer {
  public:
    Writer(const Tree& tree, const Context& context, query::Work& work)
        : resolver_(tree, context, {}, work), work_(work) {}

    // As deep as the reader lets expressions be.
    void write(const Node& node) {
        if (const auto* flag = std::get_if<bool>(&node.of))
            return decided(*flag);
        if (const auto* test = std::get_if<Test>(&node.of))
            return write(*test);
        const auto& junction = std::get<Junction>(node.of);
        bytes_ += 'j';
        bytes_ += static_cast<char>(junction.kind);
        count(junction.members.size());
        for (const Node& member : junction.members)
            write(member);
    }

    std::string take() { return std::move(bytes_); }

  private:
    void decided(bool flag) { bytes_ += flag ? 't' : 'f'; }

    void write(const Test& test) {
        const Resolved right = resolver_.resolve(test.right);
        const auto* field = std::get_if<Field>(test.subject.get());
        if (field == nullptr)
            return decided(holds(left_of(*test.subject, resolver_), test.op, right,
                                 test.right.is_null(), work_));
        bytes_ += 'c';
        text(field->name);
        bytes_ += static_cast<char>(test.op);
        bytes_ += static_cast<char>(right.lacks_elements);
        bytes_ += static_cast<char>(test.right.is_null());
        if (right.value == nullptr) {
            bytes_ += 'm';
        } else {
            work_.spend(weight(*right.value) * kKeptStep);
            write(*right.value);
        }
    }

    void write(const Value& value) {
        if (value.link() != nullptr) { // what rules do not know: equal to no property
            bytes_ += 'u';
        } else if (const model::List* list = value.list()) {
            bytes_ += 'l';
            count(list->items.size());
            for (const Value& item : list->items)
                write(item);
        } else if (const model::Dictionary* object = value.dictionary()) {
            bytes_ += 'd';
            count(object->items.size());
            for (const auto& [key, item] : object->items) {
                text(key);
                write(item);
            }
        } else {
            bytes_ += 's';
            bytes_ += query::tree_bytes(query::Constant{value.clone(), 0});
        }
    }

    void text(std::string_view text) {
        count(text.size());
        bytes_ += text;
    }

    void count(std::size_t number) {
        bytes_ += std::to_string(number);
        bytes_ += ' ';
    }

    Resolver resolver_;
    query::Work& work_;
    std::string bytes_;
};

} // namespace

std::string meaning(const Expression& filter, const Context& context) {
    return within_limits([&](query::Work& work) {
        Writer writer(filter.tree(), context, work);
        writer.write(filter.tree().root);
        return writer.take();
    });
}

} // namespace realmsync::rules
